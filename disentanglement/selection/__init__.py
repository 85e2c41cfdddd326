"""Choose one of several trained models without labels: pure functions of arrays, a file each.

`centrality` is the paper's ModelCentrality, from the scores of every encoder on every generator's
images. `udr` is the Unsupervised Disentanglement Ranking, from codes of the same images by every
model. `ranking` orders the models and compares two orders. They know nothing of models, data sets
or files; docs/MODEL_SELECTION.md explains them.
"""
