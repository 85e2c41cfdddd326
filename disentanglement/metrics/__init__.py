"""Disentanglement metrics: pure functions of arrays, one file each.

A metric's parameter names are names of arrays (`metric.Metric.of` checks them). The arrays, for K
codes and F factors:

    group_codes      [M, L, K]  codes of M groups of L images; the images of a group share a factor
    group_labels     [M]        the factor each group shares, 0 .. F - 1
    reference_codes  [N0, K]    codes of images drawn at random from the data set
    codes            [N, K]     codes of N images whose factors are known
    factors          [N, F]     the values of their factors
    factor_ids       [N, F]     the same as integer classes
    continuous       [F]        whether a factor is a quantity (True) or a category (False)
    shape_probabilities [S, C]  the dSprites shape classifier's p(shape | generated image)
    generated_features [N1, D]  a random network's features of generated images
    training_features  [N2, D]  the same features for training images, N2 >= 2 N1

disentanglement_lib's protocol fits on one draw and scores on another:

    train_codes, test_codes     [N3, K] and [N4, K]  codes of images with known factors
    train_ids, test_ids         [N3, F] and [N4, F]  their factors, as integer classes
    train_group_codes, ...      [M1, L1, K]     codes of groups that share a factor
    train_group_labels, ...     [M1]            the factor each group shares
    train_pair_codes, ...       [P1, L2, 2, K]  codes of L2 pairs a point; both images of a pair
                                                have the same value of a factor
    train_pair_labels, ...      [P1]            the factor that a point's pairs share

Every metric returns a `result.Result`: its score and the evidence behind it. It raises
`arrays.ArrayError` for arrays that it cannot use.

`suite` lists the metrics, and docs/METRICS.md explains them. To score an encoder, call
`disentanglement.evaluation.evaluate.evaluate`; to score codes in a file, run
`disentanglement-score`.
"""
