"""The paper's scores on dSprites (arXiv 1906.06034, Tables 1 and 3), and their protocol."""

from disentanglement.evaluation.protocols import PARTS, ImageProtocol

DATA = "DSprites"  # the class of the table's data set, which records hold

# The protocol: groups of images that share a factor, and a tenth of the data set each for the
# reference and the sample.
GROUPS, GROUP_SIZE = 500, 100
SHARE = 10
_IMAGES = 737_280  # in dSprites

PROTOCOL = ImageProtocol(
    data="dSprites",
    images=_IMAGES,
    groups=GROUPS,
    group_size=GROUP_SIZE,
    reference=_IMAGES // SHARE,
    sample=_IMAGES // SHARE,
    factors=("shape", "scale", "orientation", "posX", "posY"),
)

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

# Columns that need more words: the heading in tables, and the line that explains it.
HEADINGS = {"DCI": "DCI (RF, IB-GAN)"}
NOTES = {
    "DCI": "the disentanglement score by random forests of IB-GAN's depths, 4, 2, 4, 2, 2 "
    "(dci_rf_ibgan). The paper does not name its regressor; most likely it is this one. Others "
    "give other scores.",
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
    # One run each, of 10 (InfoGAN-CR) and of 40 (FactorVAE, all four weights): Table 3.
    **{
        model: (1, " nan ".join([*text.split(), ""]).rstrip())
        for model, text in {
            "InfoGAN-CR, chosen by ModelCentrality": ".92 .77 .65 .87 .99 .45 .99",
            "InfoGAN-CR, chosen by UDR Lasso": ".86 .68 .49 .84 .96 .30 .92",
            "InfoGAN-CR, chosen by UDR Spearman": ".84 .67 .53 .84 .96 .31 .90",
            "FactorVAE, chosen by ModelCentrality": ".84 .73 .58 .80 .82 .37 .86",
            "FactorVAE, chosen by UDR Lasso": ".81 .70 .56 .79 .78 .40 .84",
            "FactorVAE, chosen by UDR Spearman": ".79 .73 .53 .79 .77 .40 .79",
        }.items()
    },
}


# Rows of the same table that the paper quotes from others: the best scores that they reported.
QUOTED = {
    "VAE": ".63 .30 nan nan nan nan nan",
    "beta-VAE": ".63 .41 .55 nan nan nan nan",
    "beta-TCVAE": ".62 .29 nan nan nan .45 nan",
    "HFVAE": ".63 .39 nan nan nan nan nan",
    "CHyVAE": ".77 nan nan nan nan nan nan",
    "DIP-VAE": "nan nan .53 nan nan nan nan",
    "InfoGAN": ".59 .41 nan nan nan nan nan",
    "IB-GAN": ".80 .67 nan nan nan nan nan",
}
QUOTED_NOTE = (
    "quoted: rows of the paper's table whose scores are the best that other papers reported. Their "
    "protocols differ from this one."
)


def difference(protocol: ImageProtocol) -> str | None:
    """Return how a protocol differs from the paper's, in a few words; None if it does not.

    For example "50 groups of 100, 7,372 sample images", "data set unknown", "on CelebA".
    """
    if protocol == PROTOCOL:
        return None
    if protocol.data is None:
        return "data set unknown"
    if protocol.data != PROTOCOL.data:
        return f"on {protocol.data}"
    if not any(map(protocol.part, PARTS)):
        return "protocol unknown"
    return ", ".join(protocol.part(about) or f"{about} unknown" for about in _differing(protocol))


def instead_of(protocol: ImageProtocol) -> str:
    """Return what the paper's protocol has where this one differs, as `difference` says it."""
    return ", ".join(PROTOCOL.part(about) or "" for about in _differing(protocol))


def heading(column: str) -> str:
    """Return the heading of a column, which is its name unless that says too little."""
    return HEADINGS.get(column, column)


def batches(model: str) -> int | None:
    """Return how many batches the paper's code trains a model of Table 1 for, if known.

    Args:
        model: Its name in a table, perhaps followed by config keys in brackets.
    """
    known = (n for name, n in BATCHES.items() if model == name or model.startswith(f"{name} ("))
    return next(known, None)


def _differing(protocol: ImageProtocol) -> list[str]:
    return [about for about in PARTS if protocol.part(about) != PROTOCOL.part(about)]
