"""Disentanglement metrics: pure functions of arrays, one file each.

The arrays, by the names that the metrics' parameters use (K codes, F factors):
    group_codes      [M, L, K]  codes of M groups of L images, each group sharing one factor
    group_labels     [M]        which factor a group shares, 0 .. F - 1
    reference_codes  [N0, K]    codes of images drawn at random from the data set
    codes            [N, K]     codes of N images whose factors are known
    factors          [N, F]     the factors' values, for regression
    factor_ids       [N, F]     the factors' values as integer classes
    continuous       [F]        whether a factor is a quantity (True) or a category (False)
    shape_probabilities [S, C]  what the dSprites shape classifier says of generated images
    generated_features [N1, D]  what a random network sees in generated images
    training_features  [N2, D]  the same of training images, N2 at least 2 N1

Every metric returns a dataclass with its score and the evidence behind it (`result.Result`), and
raises `arrays.ArrayError` for arrays that it cannot use. docs/METRICS.md explains each; `suite`
lists them; `evaluation.evaluate` runs them on an encoder; `disentanglement-score` on files.
"""
