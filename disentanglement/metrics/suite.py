"""All metrics by name."""

from collections.abc import Callable

from disentanglement.metrics.beta_vae_metric import beta_vae
from disentanglement.metrics.dci import dci_lasso, dci_lasso_cv, dci_rf, dci_rf_cv, dci_rf_ibgan
from disentanglement.metrics.dhsic import dhsic
from disentanglement.metrics.explicitness import explicitness
from disentanglement.metrics.factor_vae_metric import factor_vae, factor_vae_revised
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
