"""All metrics by name."""

from collections.abc import Callable

from disentanglement.metrics.beta_vae_metric import beta_vae
from disentanglement.metrics.dci import dci_lasso, dci_lasso_cv, dci_rf, dci_rf_cv, dci_rf_ibgan
from disentanglement.metrics.dhsic import dhsic
from disentanglement.metrics.dlib_beta_vae import dlib_beta_vae
from disentanglement.metrics.dlib_dci import dlib_dci
from disentanglement.metrics.dlib_explicitness import dlib_explicitness
from disentanglement.metrics.dlib_factor_vae import dlib_factor_vae
from disentanglement.metrics.dlib_information import dlib_mig, dlib_modularity
from disentanglement.metrics.dlib_irs import dlib_irs
from disentanglement.metrics.dlib_sap import dlib_sap
from disentanglement.metrics.explicitness import explicitness
from disentanglement.metrics.factor_vae_metric import factor_vae, factor_vae_revised
from disentanglement.metrics.infomec import (
    infomec,
    infomec_discrete,
    infomec_iqr_10,
    infomec_range_8,
)
from disentanglement.metrics.mig import mig
from disentanglement.metrics.modularity import modularity
from disentanglement.metrics.random_features import random_feature_frechet, random_feature_kid
from disentanglement.metrics.result import Result
from disentanglement.metrics.sample_quality import sample_quality
from disentanglement.metrics.sap import sap

METRICS: dict[str, Callable[..., Result]] = {
    metric.__name__: metric
    for metric in (
        factor_vae,
        factor_vae_revised,
        beta_vae,
        sap,
        mig,
        modularity,
        explicitness,
        dci_lasso,
        dci_lasso_cv,
        dci_rf,
        dci_rf_ibgan,
        dci_rf_cv,
        dhsic,
        sample_quality,
    )
}

# Distances between generated and training images, for data without known factors.
IMAGE_METRICS: dict[str, Callable[..., Result]] = {
    metric.__name__: metric for metric in (random_feature_frechet, random_feature_kid)
}

# Those of other protocols than the paper's; the names of their scores start with the protocol.
DLIB: dict[str, Callable[..., Result]] = {
    metric.__name__.replace("_", ".", 1): metric
    for metric in (
        dlib_factor_vae,
        dlib_beta_vae,
        dlib_dci,
        dlib_sap,
        dlib_mig,
        dlib_modularity,
        dlib_explicitness,
        dlib_irs,
    )
}
INFOMEC: dict[str, Callable[..., Result]] = {
    metric.__name__: metric
    for metric in (infomec, infomec_discrete, infomec_range_8, infomec_iqr_10)
}
