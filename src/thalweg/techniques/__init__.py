"""Techniques: what is done to gradients, weights and the order of examples while a network is trained."""

from thalweg.techniques.averaging import EMA, SWA, Polyak, averaged, averaging_weights
from thalweg.techniques.base import Technique
from thalweg.techniques.batching import (
    SAMPLINGS,
    Accumulate,
    Accumulation,
    Growth,
    Sampling,
    accumulation,
    growth_multipliers,
    sample_rows,
)
from thalweg.techniques.catalogue import TECHNIQUES, misleads_searches, parse_technique, technique_listing
from thalweg.techniques.caution import Cautious, cautious
from thalweg.techniques.centralization import Centralize, centralize
from thalweg.techniques.clipping import (
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    clip_adaptively,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from thalweg.techniques.curriculum import Curriculum, available_share, curriculum_rows, difficulty_order
from thalweg.techniques.diffusion import DIFFUSED
from thalweg.techniques.dropout import Dropout
from thalweg.techniques.label_smoothing import LabelSmoothing
from thalweg.techniques.penalties import L1, L2, WeightDecay, decayed, penalized, penalty
from thalweg.techniques.sharpness import SAM, ascended
from thalweg.techniques.slow_weights import Lookahead, lookahead_shares, pulled_back
from thalweg.techniques.smoothing import (
    Continuation,
    Diffusion,
    GaussianSmoothing,
    continuation_widths,
    smooth_bump,
    smooth_polynomial,
    smooth_wave,
)
from thalweg.techniques.stopping import EarlyStopping, StopState, stop_start, stop_step
from thalweg.techniques.stored_state import StoredState

__all__ = [
    "DIFFUSED",
    "EMA",
    "L1",
    "L2",
    "SAM",
    "SAMPLINGS",
    "SWA",
    "TECHNIQUES",
    "Accumulate",
    "Accumulation",
    "Cautious",
    "Centralize",
    "ClipAdaptive",
    "ClipNorm",
    "ClipValue",
    "Continuation",
    "Curriculum",
    "Diffusion",
    "Dropout",
    "EarlyStopping",
    "GaussianSmoothing",
    "Growth",
    "LabelSmoothing",
    "Lookahead",
    "Polyak",
    "Sampling",
    "StopState",
    "StoredState",
    "Technique",
    "WeightDecay",
    "accumulation",
    "ascended",
    "available_share",
    "averaged",
    "averaging_weights",
    "cautious",
    "centralize",
    "clip_adaptively",
    "clip_by_norm",
    "clip_by_value",
    "continuation_widths",
    "curriculum_rows",
    "decayed",
    "difficulty_order",
    "global_norm",
    "growth_multipliers",
    "lookahead_shares",
    "misleads_searches",
    "parse_technique",
    "penalized",
    "penalty",
    "pulled_back",
    "sample_rows",
    "smooth_bump",
    "smooth_polynomial",
    "smooth_wave",
    "stop_start",
    "stop_step",
    "technique_listing",
]
