"""Measured rates of each experiment, from which `requirements` computes what a run needs."""

from dataclasses import dataclass

MACHINE = "two cores of an AMD EPYC with AVX-512; nothing has been measured on a GPU"
GRID_IMAGES = 100  # of a picture of the grids that were measured, 10 x 10


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Rates of an experiment with the paper's config.

    Sizes and memory are rounded up. Sample grids were measured after 160 batches; those of a
    trained model are smaller where its images are sharper.

    Attributes:
        batch_size: The batch size of these times; see `fixed_share` for others.
        fixed_share: The part of a batch's time that does not depend on the batch size.
        batch_ms: A batch; for InfoGAN-CR, before H trains.
        contrastive_ms: A batch in which H trains.
        evaluation_s: An evaluation, without the shape classifier.
        classification_s: What the shape classifier adds to it.
        grids_s: Drawing a set of sample grids.
        grids_mb: The set, on disk.
        checkpoint_mb: A checkpoint.
        others_mb: Networks, pictures and text at the end of a run.
        event_bytes: TensorBoard's scalars of a batch.
        memory_gb: A run's memory, without the data set.
        image_bytes: An image of the data set, in memory.
        stored_bytes: An image of the data set, on disk.
        group_images: Images that the data set holds for metrics only.
    """

    batch_size: int = 64
    fixed_share: float = 0.5
    batch_ms: float
    contrastive_ms: float = 0
    evaluation_s: float
    classification_s: float = 0
    grids_s: float
    grids_mb: float
    checkpoint_mb: float
    others_mb: float = 2
    event_bytes: int
    memory_gb: float
    image_bytes: int
    stored_bytes: int
    group_images: int = 0


# Fixed shares: InfoGAN-CR on dSprites takes 108 ms for a batch of 64 and 81 ms for one of 32 (the
# quick run, on an idle machine): 54 ms + 0.84 ms per image. FactorVAE on dSprites took 92 and 59 ms
# on a busy machine: 0.3 is fixed. The same shares are assumed for the other data sets.
#
# Where a time comes from:
# (1) docs/PERFORMANCE.md, measured on an idle machine.
# (2) A run of the paper's length on an idle machine: 9.3 batches a second.
# (3) benchmarks/requirements.py, on a busy machine: 0.67 of the processor time of both cores, which
#     is the share that agrees with (2). All sizes and memory are from there as well.
RATES = {
    "InfoGAN-CR_dSprites": Rates(
        batch_ms=108,  # (2)
        contrastive_ms=250,  # (3)
        evaluation_s=10,  # (3)
        classification_s=21,  # (1)
        grids_s=0.4,  # (3)
        grids_mb=1.9,
        checkpoint_mb=9.3,
        event_bytes=660,
        memory_gb=1.5,
        image_bytes=512,
        stored_bytes=512,
    ),
    "InfoGAN-CR_CdSprites": Rates(
        # The networks are those for dSprites; times are theirs, at this batch size.
        batch_size=30,
        batch_ms=79,
        contrastive_ms=184,
        evaluation_s=0.5,
        grids_s=0.5,
        grids_mb=1.4,
        checkpoint_mb=9.3,
        event_bytes=540,
        memory_gb=1.1,
        image_bytes=4096,
        stored_bytes=0,
    ),
    "FactorVAE_dSprites": Rates(
        fixed_share=0.3,
        batch_ms=61,  # (3)
        evaluation_s=12,  # (3)
        classification_s=21,  # (1)
        grids_s=0.6,  # (3)
        grids_mb=3.7,
        checkpoint_mb=55,
        event_bytes=470,
        memory_gb=1.3,
        image_bytes=512,
        stored_bytes=512,
    ),
    "InfoGAN-CR_3D_teapot": Rates(
        batch_ms=116,  # (1)
        contrastive_ms=246,  # (1)
        evaluation_s=9,  # (3)
        grids_s=0.7,  # (3)
        grids_mb=10,
        checkpoint_mb=9.4,
        event_bytes=660,
        memory_gb=1.7,
        image_bytes=64 * 64 * 3,
        stored_bytes=1200,
        group_images=50_000,
    ),
    "FactorVAE_3D_teapot": Rates(
        fixed_share=0.3,
        batch_ms=57,  # (1)
        evaluation_s=12,  # (3)
        grids_s=1.1,  # (3)
        grids_mb=11,
        checkpoint_mb=55,
        event_bytes=470,
        memory_gb=1.5,
        image_bytes=64 * 64 * 3,
        stored_bytes=1200,
        group_images=50_000,
    ),
    "InfoGAN-CR_CelebA": Rates(
        batch_size=128,
        batch_ms=522,  # (1)
        contrastive_ms=1058,  # (1)
        evaluation_s=0,  # no metrics run during training
        grids_s=0.5,  # (3)
        grids_mb=3.2,
        checkpoint_mb=168,
        others_mb=39,
        event_bytes=660,
        memory_gb=1.9,
        image_bytes=32 * 32 * 3,
        stored_bytes=32 * 32 * 3,
    ),
    # The VAEs: their evaluations, grids and memory are FactorVAE's, which has one network more; the
    # batch is a plain VAE's (in turns with it, the others take as long).
    "VAE_dSprites": Rates(
        fixed_share=0.3,
        batch_ms=50,  # (3)
        evaluation_s=12,
        classification_s=21,  # (1)
        grids_s=0.6,
        grids_mb=3.7,
        checkpoint_mb=6,
        others_mb=3,
        event_bytes=320,
        memory_gb=1.3,
        image_bytes=512,
        stored_bytes=512,
    ),
    "VAE_3D_teapot": Rates(
        fixed_share=0.3,
        batch_ms=54,  # (3)
        evaluation_s=12,
        grids_s=1.1,
        grids_mb=11,
        checkpoint_mb=6,
        others_mb=3,
        event_bytes=320,
        memory_gb=1.5,
        image_bytes=64 * 64 * 3,
        stored_bytes=1200,
        group_images=50_000,
    ),
}
