"""The paper's scores on dSprites: arXiv 1906.06034, Table 1."""

DATA = "DSprites"  # the class of the table's data set, which records hold

# The table's columns, in its order, and our names of the scores.
COLUMNS = {
    "FactorVAE": "factor_vae",
    "DCI": "dci_rf_ibgan.disentanglement",
    "SAP": "sap",
    "Explicitness": "explicitness",
    "Modularity": "modularity",
    "MIG": "mig",
    "BetaVAE": "beta_vae",
}

# How many batches the paper's code trains each model for. InfoGAN (modified) is InfoGAN-CR before
# the contrastive term is switched on.
BATCHES = {"InfoGAN (modified)": 288_000, "InfoGAN-CR": 322_560, "FactorVAE": 311_040}

# Model -> number of runs, if the paper gives it; mean and standard error for each column.
SCORES = {
    "InfoGAN (modified)": (50, ".82 .01 .60 .02 .41 .02 .82 .00 .94 .01 .22 .01 .87 .01"),
    "InfoGAN-CR": (50, ".88 .01 .71 .01 .58 .01 .85 .00 .96 .00 .37 .01 .95 .01"),
    "InfoGAN-CR, the paper's first version": (None, ".90 .01 .74 .01" + " nan nan" * 5),
    "FactorVAE (1)": (None, ".79 .01 .67 .03 .47 .03 .78 .01 .79 .01 .27 .03 .79 .02"),
    "FactorVAE (10)": (None, ".83 .01 .70 .02 .57 .00 .79 .00 .79 .00 .40 .01 .83 .01"),
    "FactorVAE (20)": (None, ".83 .01 .72 .02 .57 .00 .79 .00 .79 .01 .40 .01 .85 .00"),
    "FactorVAE (40)": (None, ".82 .01 .74 .01 .56 .00 .79 .00 .77 .01 .43 .01 .84 .01"),
    "InfoGAN-CR, chosen by ModelCentrality": (
        1,
        ".92 nan .77 nan .65 nan .87 nan .99 nan .45 nan .99 nan",
    ),
    "FactorVAE, chosen by ModelCentrality": (
        1,
        ".84 nan .73 nan .58 nan .80 nan .82 nan .37 nan .86 nan",
    ),
}


def batches(model: str) -> int | None:
    """Return how many batches the paper's code trains a model of Table 1 for, if known.

    Args:
        model: Its name in a table, perhaps followed by config keys in brackets.
    """
    known = (n for name, n in BATCHES.items() if model == name or model.startswith(f"{name} ("))
    return next(known, None)
