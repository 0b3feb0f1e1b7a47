# SPDX-License-Identifier: Apache-2.0
"""scikit-learn: which reads a fitted model comes from, and what it predicts; data in the svmlight format."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

from otelprov.capture.flow import frames, models
from otelprov.capture.flow.methods import Methods
from otelprov.capture.tables.table_io import reads, record_write
from otelprov.instrumentation import Call, Instrumentor, Patch

frames.declare("sklearn", models=("BaseEstimator",))
frames.declare("scipy", data=("_spbase", "spmatrix", "sparray"))

_RESULTS = (
    "transform inverse_transform predict predict_proba predict_log_proba decision_function score_samples kneighbors "
    "kneighbors_graph radius_neighbors radius_neighbors_graph apply decision_path sample sample_y"
)
_METHODS = {
    "fit": models.fit,
    "partial_fit": models.fit_more,
    "fit_transform": models.fit_and_give,
    "fit_predict": models.fit_and_give,
    "fit_resample": models.fit_and_give,
    **dict.fromkeys(_RESULTS.split(), models.result_of_model),
}
_EVALUATED = (
    "model_selection.cross_val_predict model_selection.cross_val_score model_selection.cross_validate "
    "model_selection.learning_curve model_selection.validation_curve model_selection.permutation_test_score "
    "preprocessing.scale preprocessing.minmax_scale preprocessing.maxabs_scale preprocessing.robust_scale "
    "preprocessing.normalize preprocessing.binarize preprocessing.label_binarize preprocessing.power_transform "
    "preprocessing.quantile_transform preprocessing.add_dummy_feature utils.resample utils.shuffle "
    "metrics.confusion_matrix metrics.multilabel_confusion_matrix metrics.precision_recall_fscore_support "
    "metrics.roc_curve metrics.precision_recall_curve metrics.det_curve metrics.silhouette_samples "
    "metrics.pairwise_distances metrics.pairwise_kernels calibration.calibration_curve"
)
_estimators = Methods("sklearn", _METHODS)


def _defined(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    # Transformers get their last wrapper from `_SetOutputMixin`, and are followed outside of that.
    if not any(base.__name__ == "_SetOutputMixin" for base in args[0].__mro__):
        _estimators.follow(args[0])


def _defined_transformer(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _estimators.follow(args[0])


def _unpickled(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    _estimators.follow_again(type(args[0]))


def _split(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    for position, whole in enumerate(args):
        origins = frames.known(whole)
        if origins is not None:
            for part in result[2 * position : 2 * position + 2]:
                frames.add(part, origins)


def _computed(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    # Estimators are cloned: what they were fitted on before does not get in.
    given = [value for value in (*args, *kwargs.values()) if frames.kind_of(type(value)) != frames.MODEL]
    found = frames.content_origins(given)
    if found is not None:
        frames.add(result, found)


def _dump_svmlight(call: Call) -> Generator[None, Any, None]:
    data, target = call.argument("X", 0), call.argument("f", 2)
    sources = frames.content_origins((data, call.argument("y", 1), call.argument("query_id", 5)))
    shape = frames.extent(data)[0], frames.names_of(data)
    yield
    record_write(target, call, "svmlight", sources, shape)


class SklearnInstrumentor(Instrumentor):
    """Follows data through the models of scikit-learn, and through those that are derived from its classes."""

    library = "sklearn"
    distribution = "scikit-learn"
    versions = ">=1.7,<2"
    patches = (
        Patch("sklearn.utils._metadata_requests", "_MetadataRequester.__init_subclass__", follow=_defined),
        Patch("sklearn.utils._set_output", "_SetOutputMixin.__init_subclass__", follow=_defined_transformer),
        Patch("sklearn.base", "BaseEstimator.__setstate__", follow=_unpickled),
        Patch("sklearn.model_selection", "train_test_split", follow=_split),
        *(
            Patch(f"sklearn.{module}", function, follow=_computed)
            for module, _, function in (name.partition(".") for name in _EVALUATED.split())
        ),
        Patch("sklearn.datasets", "load_svmlight_file", reads("f", format="svmlight")),
        Patch("sklearn.datasets", "dump_svmlight_file", _dump_svmlight),
    )

    def start(self) -> None:
        """Follow the classes that are there already; those to come are followed when they are defined."""
        base = sys.modules.get("sklearn.base")
        if base is not None and self._supported():
            for root in (base.BaseEstimator, base.TransformerMixin, base.ClusterMixin, base.OutlierMixin):
                _estimators.follow_all(root)

    def stop(self) -> None:
        """Leave all these classes as they were."""
        _estimators.leave()
