"""Disentanglement metrics: pure functions of arrays, one file each.

The arrays, by the names that the metrics' parameters use (K codes):
    group_codes      [M, L, K]  codes of M groups of L images, each group sharing one factor
    group_labels     [M]        which factor a group shares, 0 .. F - 1
    reference_codes  [N0, K]    codes of images drawn at random from the data set
"""
