"""The classifier of dSprites' shapes learns, resumes, and refuses files of anything else."""

import json

import numpy as np
import pytest

from disentanglement.errors import UserError
from disentanglement.evaluation.computed_arrays import ShapeProbabilities
from disentanglement.networks import shape_classifier


class Shapes:
    """640 large images of three shapes that are easy to classify: full, left half, upper half."""

    def __len__(self):
        return 640

    def factors(self, indices):
        return np.stack([indices * 0, indices % 3], axis=1)

    def images(self, indices):
        images = np.zeros((len(indices), 64, 64, 1), np.float32)
        for image, index in zip(images, indices, strict=True):
            image[2 : 32 if index % 3 == 2 else 62, 2 : 32 if index % 3 == 1 else 62] = 1
        return images * np.random.default_rng(len(indices)).random(images.shape)


def test_it_learns_and_leaves_a_record(tmp_path):
    path = tmp_path / "deep" / "shape_classifier.keras"
    found = shape_classifier.train(Shapes(), path, epochs=6)
    assert found["accuracy"] == 1
    assert json.loads(path.with_suffix(".json").read_text()) == found
    assert found["recipe"] == {"epochs": 6, "images": 640, "batch_size": 64, "seed": 0}
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "shape_classifier.json", "shape_classifier.keras",
    ]  # fmt: skip
    data, rows = Shapes(), np.arange(30)
    probabilities = shape_classifier.load(path)(data.images(rows))
    np.testing.assert_array_equal(probabilities.argmax(axis=1), rows % 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_moving_averages_settle_on_the_final_weights():
    """Weights that change faster than the averages follow make inference wrong, not training."""
    data = Shapes()
    batches = shape_classifier._Batches(data, np.arange(640), seed=0)
    model = shape_classifier.network()
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 1e4))
    expected = np.asarray(model(batches[0][0], training=True))
    before = np.asarray(model(batches[0][0], training=False))
    assert np.corrcoef(before.ravel(), expected.ravel())[0, 1] < 0.9
    for _ in range(25):  # ten batches each
        shape_classifier.settle(model, batches)
    found = np.asarray(model(batches[0][0], training=False))
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


def test_an_inaccurate_classifier_is_not_used(tmp_path):
    path = tmp_path / "shape_classifier.keras"
    provider = ShapeProbabilities(path)
    assert "does not exist" in provider.unavailable()
    path.touch()
    assert provider.unavailable() is None
    path.with_suffix(".json").write_text('{"accuracy": 0.364}')
    assert "is right about 36% of the images only" in provider.unavailable()
    path.with_suffix(".json").write_text('{"accuracy": 0.999}')
    assert provider.unavailable() is None


@pytest.mark.slow
def test_a_killed_training_resumes_from_its_last_epoch(tmp_path):
    def weights(path):
        model = shape_classifier.keras.models.load_model(path)
        return [np.asarray(w) for w in model.weights]

    class Hard(Shapes):
        """Random labels: the weights keep changing, and the order of the images matters."""

        def factors(self, indices):
            labels = np.random.default_rng(0).integers(3, size=640)[indices]
            return np.stack([labels * 0, labels], axis=1)

    class Killed(Hard):
        calls = 0

        def images(self, indices):
            Killed.calls += 1
            if Killed.calls == 25:  # in the third epoch of ten batches
                raise RuntimeError("killed here")
            return super().images(indices)

    whole, broken = tmp_path / "whole.keras", tmp_path / "broken.keras"
    shape_classifier.train(Hard(), whole, epochs=4)
    with pytest.raises(Exception, match="killed here"):
        shape_classifier.train(Killed(), broken, epochs=4)
    assert not broken.exists()
    Killed.calls = 100
    shape_classifier.train(Killed(), broken, epochs=4)
    assert Killed.calls < 100 + 35  # two epochs, settling and the accuracy, not four epochs
    for ours, theirs in zip(weights(broken), weights(whole), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_refusals(tmp_path):
    with pytest.raises(UserError, match="no shape classifier: .*train_DSprites"):
        shape_classifier.load(tmp_path / "absent.keras")
    (tmp_path / "damaged.keras").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"damaged.keras: cannot be loaded"):
        shape_classifier.load(tmp_path / "damaged.keras")
    tiny_network = shape_classifier.keras.Sequential(
        [shape_classifier.layers.Input((4,)), shape_classifier.layers.Dense(2)]
    )
    shape_classifier.save_keras(tiny_network, tmp_path / "other.keras")
    with pytest.raises(UserError, match="is not a classifier of 3 shapes"):
        shape_classifier.load(tmp_path / "other.keras")
    with pytest.raises(UserError, match=r"other.npz: the name must end in .keras"):
        shape_classifier.train(Shapes(), tmp_path / "other.npz")
    with pytest.raises(UserError, match="--images 9 is less than a batch of 64"):
        shape_classifier.train(Shapes(), tmp_path / "a.keras", num_images=9)
