"""Long tuning shares minibatches within lanes; it must learn what tuning without sharing learns."""

import importlib

import numpy as np
import pytest

import thalweg as tw

work_module = importlib.import_module("thalweg.study.work")
SMALL = {"epochs": 2, "trials": 3, "tuning_seeds": 2}


def test_sharing_changes_no_result_and_serves_both_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tw.compare("digits-logistic", ["sgd", "adam"], store="sqlite://", **SMALL)
    monkeypatch.setattr(work_module, "SHARING_BYTES", 0.0)
    monkeypatch.setattr(work_module, "MOST_PADDING", np.inf)
    made = []
    engine = work_module.Engine
    monkeypatch.setattr(work_module, "Engine", lambda *a, **k: made.append(engine(*a, **k)) or made[-1])
    shared = tw.compare("digits-logistic", ["sgd", "adam"], store="sqlite://", **SMALL)
    assert [one.shared for one in made] == [True, False], "the confirmation has mixed seeds"
    assert shared.results.keys() == plain.results.keys()
    for key, result in shared.results.items():
        # the same arithmetic in another order of summation: float32, a convex loss, 66 steps
        np.testing.assert_allclose(result.curve.validation_loss, plain.results[key].curve.validation_loss, rtol=1e-4)
