"""The optimizer that carries any rule: parameter groups, closures, states, and the two points of a rule."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import torch

from thalweg.errors import InvalidValueError
from thalweg.interop.torch.foreign import from_torch
from thalweg.interop.torch.inputs import Request, find_inputs, random_numbers
from thalweg.interop.torch.nested import mapped
from thalweg.interop.torch.points import OWN_KEYS, answer_of, answers_elsewhere, look_of, looks_ahead, rule_state
from thalweg.interop.torch.ready import Ready, make_ready
from thalweg.interop.torch.settings import OPTIONS, our_settings, rule_of_group, their_settings, torch_rule
from thalweg.interop.torch.sharding import is_sharded, piece, spread_like, whole
from thalweg.interop.torch.states import arranged, arranged_tree
from thalweg.interop.torch.steps import Update, check_gradients, update_arrays, update_elementwise, update_tree
from thalweg.interop.torch.storage import check_format, first_stored, is_stored, opened
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["RuleOptimizer"]


class RuleOptimizer(torch.optim.Optimizer):
    """A rule as an optimizer of PyTorch; ``thalweg.interop.torch.Adam`` and its neighbours derive from it.

    Args:
        params: Parameters, named parameters, or groups of them, as for every optimizer of PyTorch.
        lr: Learning rate; the rule's own if not given.
        preset: Named settings of the rule to start from, e.g. ``torch``.
        fused: None to use the machine's C compiler where there is one, False to do without.
        sparse: Whether a sparse gradient updates only the rows that it has, for rules that would move the others too.
        state_format: How averages of 4096 numbers or more are stored, for rules that keep such: None for as they are,
            or ``bfloat16`` or ``int8``, rounded at random; to nearest with ``-nearest`` behind.
        settings: Further hyperparameters and variants by name; ``eps`` and ``betas`` are understood.

    Raises:
        InvalidValueError: A setting is outside its range, or a parameter is complex.
        UnknownNameError: No such preset or setting.
    """

    rule_class: ClassVar[type[Rule]]

    def __init__(
        self,
        params: Any,
        lr: float | torch.Tensor | None = None,
        *,
        preset: str = "",
        fused: bool | None = None,
        sparse: bool = False,
        state_format: str | None = None,
        **settings: Any,
    ) -> None:
        given = settings if lr is None else {**settings, "lr": lr}
        own, rest = our_settings(self.rule_class, given)
        rule = torch_rule(self.rule_class, preset, **own, **rest)
        options = {**OPTIONS, "fused": fused, "sparse": sparse, "state_format": state_format, "rule": rule.name}
        super().__init__(params, {**their_settings(rule), **options})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own; see :class:`torch.optim.Optimizer`.

        Raises:
            InvalidValueError: A setting is outside its range, a parameter is complex, or the rule searches along a
                line, for which all parameters belong together.
        """
        if self.rule_class.full_batch and self.param_groups:
            raise InvalidValueError(
                f"{self.rule_class.name}: a second group of parameters is not allowed, since one search would judge "
                "the other's steps; give all parameters as one group."
            )
        own, rest = our_settings(self.rule_class, {k: v for k, v in param_group.items() if k != "params"})
        before = self._rule(self.defaults)
        rule = self.rule_class.configured(**{**before.values(), **before.structure(), **own})
        check_format(rule, rest.get("state_format", self.defaults["state_format"]))
        super().add_param_group({"params": param_group["params"], **their_settings(rule), **rest})
        for parameter in self.param_groups[-1]["params"]:
            if parameter.is_complex():
                self.param_groups.pop()
                raise InvalidValueError(
                    f"{self.rule_class.name}: a parameter of dtype {parameter.dtype} is not allowed; give its real "
                    "view, torch.view_as_real(parameter)."
                )

    @torch.compiler.disable
    def step(self, closure: Callable[[], Any] | None = None, **inputs: Any) -> Any:  # type: ignore[override]
        """Take one step, and return what the closure returned.

        Within ``torch.compile`` it is run as it is: it is compiled already.

        Args:
            closure: Clears the gradients, computes the loss and its gradients and returns the loss. It is called at
                the point where the rule takes its gradient.
            inputs: What the rule needs beside gradients and cannot get by itself, by the names in
                :data:`thalweg.optimizers.INPUTS`: ``loss``, or a sequence with one tensor per parameter of all groups.

        Raises:
            InvalidValueError: An input is missing, the gradient is of a kind that the rule cannot take, or the
                parameters hold the answer.
        """
        if any(group["answering"] for group in self.param_groups):
            raise InvalidValueError(
                f"{self.rule_class.name}: step() is not allowed while the parameters hold the answer; "
                "call optimizer.train() first."
            )
        loss = None
        with torch.no_grad():
            before = random_numbers() if closure is not None and "second_gradient" in self.rule_class.needs else None
            if closure is not None:
                self._place()
                with torch.enable_grad():
                    loss = closure()
            repeated, groups = self._repeated()
            for rule, group in groups:
                check_gradients(rule, group)
            for rule, group in groups:
                self._prepare(rule, group)
            request = Request(closure, inputs.pop("loss", loss), inputs, before)
            found = find_inputs(groups, self.state, request) if self.rule_class.needs and groups else {}
            for rule, ready in repeated:
                ready.run(rule)
            for rule, group in groups:
                self._update(rule, group, found)
        return loss

    def eval(self) -> None:
        """Let the parameters hold the rule's answer, for evaluation and saving; most rules answer with them anyway."""
        self._turn(answering=True)

    def train(self) -> None:
        """Let the parameters hold the point where the rule takes its gradient, for training."""
        self._turn(answering=False)

    @contextlib.contextmanager
    def answer(self) -> Iterator[None]:
        """Let the parameters hold the rule's answer within a ``with`` block."""
        before = [group["answering"] for group in self.param_groups]
        self.eval()
        try:
            yield
        finally:
            if not any(before):
                self.train()

    def asks(self) -> bool:
        """Return whether the next step uses what the rule needs beside the gradient, which may be costly to compute.

        A parameter that is yet to have its first step asks for its own; one that requires no gradient does not count.
        """
        if not self.rule_class.needs:
            return False
        pairs = [
            (rule, parameter)
            for rule, group in [(self._rule(group), group) for group in self.param_groups]
            for parameter in (group["params"][:1] if rule.whole_tree else group["params"])
        ]
        trained = [(rule, parameter) for rule, parameter in pairs if parameter.requires_grad]
        first = {"step_number": torch.zeros(())}
        return any(
            bool(rule.asks({**first, **self.state.get(p, {})}["step_number"] + 1)) for rule, p in trained or pairs
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state: this optimizer's own, or that of the same rule in ``torch.optim``.

        Raises:
            InvalidValueError: The state is of another rule, another version of it, or parameters of other shapes;
                the optimizer is then as it was.
            ValueError: It has other groups, as in :meth:`torch.optim.Optimizer.load_state_dict`.
        """
        state_dict = from_torch(self.rule_class, self.param_groups, state_dict)
        before = self.state, self.param_groups
        super().load_state_dict(state_dict)
        try:
            self._take_over(state_dict)
        except Exception:
            self.state, self.param_groups = before
            raise

    def _take_over(self, state_dict: Mapping[str, Any]) -> None:
        """Keep a loaded state with the dtypes that were saved, which PyTorch would change."""
        order = [i for group in state_dict["param_groups"] for i in group["params"]]
        pairs = [(group, p) for group in self.param_groups for p in group["params"]]
        for index, (group, parameter) in zip(order, pairs, strict=True):
            if index in state_dict["state"]:
                kept = mapped(lambda leaf, p=parameter: _moved(leaf, p), state_dict["state"][index])
                self.state[parameter] = self._arranged(self._rule(group), group, parameter, kept)

    def _arranged(self, rule: Rule, group: Mapping[str, Any], parameter: Any, kept: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept of a parameter as its update expects it."""
        if "tree_state" in kept:
            return arranged_tree(rule, group, kept)
        structure = tuple(rule.structure().items())
        return arranged(rule, structure, group, parameter, kept) if "step_number" in kept else kept

    def _rule(self, group: dict[str, Any]) -> Rule:
        return rule_of_group(self.rule_class, group)

    def _ready(self) -> dict[int, tuple[str | None, Ready | None]]:
        """Return the group's form of storage and its compiled pass, by the identity of its list of parameters."""
        return self.__dict__.setdefault("_ready_passes", {})

    def _repeated(self) -> tuple[list[tuple[Rule, Ready]], list[tuple[Rule, Mapping[str, Any]]]]:
        """Return the passes of groups in which nothing but the gradients is new, and the other groups."""
        repeated: list[tuple[Rule, Ready]] = []
        others: list[tuple[Rule, Mapping[str, Any]]] = []
        for group in self.param_groups:
            rule, (form, ready) = self._rule(group), self._ready().get(id(group["params"]), (None, None))
            allowed = group["fused"] is not False and group.get("state_format") == form
            if ready is not None and allowed and ready.fits(rule, group["params"], self.state):
                repeated.append((rule, ready))
            else:
                others.append((rule, group))
        return repeated, others

    def _prepare(self, rule: Rule, group: Mapping[str, Any]) -> None:
        """Make the states of parameters that have a gradient for the first time, and look through the others."""
        ahead = looks_ahead(rule)
        check_format(rule, group.get("state_format"))
        if rule.whole_tree:
            self._prepare_tree(rule, group["params"], ahead)
            return
        structure = tuple(rule.structure().items())
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            kept = self.state[parameter]
            if "step_number" in kept:
                self.state[parameter] = arranged(rule, structure, group, parameter, kept)
            else:
                first = self._first(rule, parameter, ahead)
                self.state[parameter] = first_stored(rule, parameter, first, group.get("state_format"))

    def _first(self, rule: Rule, parameter: Any, ahead: bool) -> dict[str, Any]:
        local = piece(parameter) if rule.elementwise else whole(parameter)
        (made,) = lift.init_state(rule, [local.detach()])
        if made.keys() & set(OWN_KEYS):
            raise InvalidValueError(
                f"{rule.name}: a state with an entry named {' or '.join(OWN_KEYS)} is not allowed; rename it in init."
            )
        kept = mapped(lambda leaf: _placed(leaf, parameter, local), made)
        point = {"base_point": parameter.detach().clone()} if ahead else {}
        return {"step_number": torch.zeros((), dtype=torch.float64), **point, **kept}

    def _prepare_tree(self, rule: Rule, parameters: list[Any], ahead: bool) -> None:
        if not parameters or "step_number" in self.state[parameters[0]] or all(p.grad is None for p in parameters):
            return
        made = lift.init_state(rule, [whole(p).detach() for p in parameters])
        for parameter in parameters if ahead else []:
            self.state[parameter]["base_point"] = parameter.detach().clone()
        tree = mapped(lambda leaf: leaf.clone(), made)
        self.state[parameters[0]] |= {"step_number": torch.zeros((), dtype=torch.float64), "tree_state": tree}

    def _update(self, rule: Rule, group: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
        update = Update(rule, self.state, inputs, group)
        moved = [p for p in group["params"] if p.grad is not None]
        if not moved:
            return
        if rule.whole_tree:
            update_tree(update, group["params"])
            return
        take = update_elementwise if rule.elementwise else update_arrays
        form, rest = group.get("state_format"), []
        for place, parameter in enumerate(moved):
            kept = self.state[parameter]
            if not is_stored(rule, parameter, kept, form):
                rest.append(parameter)
                continue
            with opened(rule, parameter, kept, form, place):
                take(update, [parameter])
        if rest:
            take(update, rest)
        if rule.elementwise:
            whole_pass = update.fused and len(rest) == len(moved)
            ready = make_ready(rule, group["params"], self.state) if whole_pass else None
            self._ready()[id(group["params"])] = form, ready

    def _place(self) -> None:
        """Move the parameters to where the gradient is taken with the settings as they are now."""
        for group in self.param_groups:
            rule = self._rule(group)
            if looks_ahead(rule):
                self._write_points(rule, group["params"], look_of)

    def _turn(self, *, answering: bool) -> None:
        with torch.no_grad():
            for group in self.param_groups:
                if group["answering"] == answering:
                    continue
                rule = self._rule(group)
                ahead = looks_ahead(rule)
                if not ahead and not answers_elsewhere(rule):
                    continue
                known = [p for p in group["params"] if p in self.state]
                if answering and not ahead:
                    for parameter in known:
                        self.state[parameter]["base_point"] = parameter.detach().clone()
                self._write_points(rule, group["params"], answer_of if answering else look_of)
                if not answering and not ahead:
                    for parameter in known:
                        del self.state[parameter]["base_point"]
                group["answering"] = answering

    def _write_points(
        self, rule: Rule, parameters: Iterable[Any], hook: Callable[..., tuple[torch.Tensor, ...]]
    ) -> None:
        known = [p for p in parameters if "base_point" in self.state.get(p, {})]
        if not known:
            return
        points = [whole(self.state[p]["base_point"]) for p in known]
        if rule.whole_tree:
            found = hook(rule, points, self.state[known[0]]["tree_state"])
        else:
            states = [mapped(whole, rule_state(self.state[p])) for p in known]
            found = [hook(rule, [point], state)[0] for point, state in zip(points, states, strict=True)]
        for parameter, point in zip(known, found, strict=True):
            parameter.copy_(spread_like(point, parameter) if is_sharded(parameter) else point)


def _placed(leaf: torch.Tensor, parameter: Any, local: torch.Tensor) -> Any:
    """Return a leaf of a first state as it is kept: spread over processes like its parameter where it has its shape."""
    if is_sharded(parameter) and leaf.shape == local.shape and leaf.ndim:
        return spread_like(leaf, parameter)
    return leaf.clone()  # a rule may hand out one array twice, or the parameter itself


def _moved(leaf: Any, parameter: torch.Tensor) -> Any:
    return leaf.detach().clone().to(parameter.device) if isinstance(leaf, torch.Tensor) else leaf
