"""Construction of graphs of ONNX operators by arithmetic on symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, DTypeLike

from sklearn_emg._validation import require

# NumPy as Any, because its functions also accept Tensor, which its type stubs do not state.
xp: Any = np

OPSET = 18
ML_OPSET = 3
_LAST = np.iinfo(np.int64).max
_OPERATORS: dict[Any, str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.true_divide: "Div",
    np.power: "Pow",
    np.maximum: "Max",
    np.minimum: "Min",
    np.absolute: "Abs",
    np.negative: "Neg",
    np.sqrt: "Sqrt",
    np.exp: "Exp",
    np.log: "Log",
    np.floor: "Floor",
    np.greater: "Greater",
    np.less: "Less",
    np.greater_equal: "GreaterOrEqual",
    np.less_equal: "LessOrEqual",
    np.equal: "Equal",
    np.bitwise_and: "And",
    np.bitwise_or: "Or",
    np.invert: "Not",
}
_COMPARISONS = {"Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"}


class Tensor(NDArrayOperatorsMixin):
    """Result of an operator of a graph; arithmetic on it adds further operators.

    The ufuncs and a few other functions of NumPy accept it, so that formulas for arrays also build
    a graph.

    Parameters
    ----------
    graph : Graph
        Graph that the tensor belongs to.
    name : str
        Name of the value in the graph.
    dtype : dtype-like
        Type of the elements.
    """

    __array_priority__ = 1000

    def __init__(self, graph: Graph, name: str, dtype: DTypeLike):
        self.graph, self.name, self.dtype = graph, name, np.dtype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs.keys() - {"out", "where"}:
            return NotImplemented
        if ufunc is np.not_equal:
            return ~(inputs[0] == inputs[1])
        if ufunc is np.log10:
            return np.log(inputs[0]) * (1.0 / np.log(10.0))
        if ufunc is np.square:
            return inputs[0] * inputs[0]
        if ufunc not in _OPERATORS:
            return NotImplemented
        where, (out,) = kwargs.get("where", True), kwargs.get("out", (None,))
        if where is not True:  # a division that skips zero divisors
            inputs = (inputs[0], xp.where(where, inputs[1], 1.0))
        result = self.graph.operator(_OPERATORS[ufunc], *inputs)
        return result if where is True else xp.where(where, result, out)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.zeros_like:
            return self.graph.constant(0.0, self.dtype)
        if function is np.where:
            return self.graph.where(*args)
        return NotImplemented

    def __getitem__(self, key: Any) -> Tensor:
        """Take a slice of the last axis, such as ``x[..., a:b]``; bounds may be tensors."""
        _, part = key
        step = 1 if part.step is None else part.step
        start = (0 if step > 0 else _LAST) if part.start is None else part.start
        stop = (_LAST if step > 0 else -_LAST) if part.stop is None else part.stop
        return self.slice(start, stop, -1, step)

    def slice(self, start: Any, stop: Any, axis: int, step: int = 1) -> Tensor:
        """Take a slice of an axis."""
        ends = [self.graph.vector(value) for value in (start, stop, axis, step)]
        return self.graph.add("Slice", [self, *ends], self.dtype)

    def cast(self, dtype: DTypeLike) -> Tensor:
        """Convert the values to another type."""
        if self.dtype == np.dtype(dtype):
            return self
        return self.graph.add("Cast", [self], dtype, to=self.graph.code(dtype))

    def reduce(self, kind: str, axis: int = -1, keepdims: bool = True) -> Tensor:
        """Reduce an axis by `kind`, which is "Sum", "Mean", "Max" or "Min"."""
        axes = self.graph.vector(axis)
        return self.graph.add(f"Reduce{kind}", [self, axes], self.dtype, keepdims=int(keepdims))

    def sum(self) -> Tensor:
        """Sum along the last axis, which is kept with length 1."""
        return self.reduce("Sum")

    def mean(self) -> Tensor:
        """Average along the last axis, which is kept with length 1."""
        return self.reduce("Mean")

    def count(self) -> Tensor:
        """Count the true elements along the last axis, in float64."""
        return self.cast(np.float64).sum()

    def size(self, axis: int = -1) -> Tensor:
        """Return the length of an axis as a vector of one element."""
        shape = self.graph.add("Shape", [self], np.int64)
        return self.graph.add("Gather", [shape, self.graph.vector(axis)], np.int64, axis=0)

    def reshape(self, *sizes: Any) -> Tensor:
        """Change the shape; sizes are integers or tensors of one element."""
        shape = self.graph.concat([self.graph.vector(size) for size in sizes], axis=0)
        return self.graph.add("Reshape", [self, shape], self.dtype)

    def transpose(self, *order: int) -> Tensor:
        """Permute the axes."""
        return self.graph.add("Transpose", [self], self.dtype, perm=list(order))

    def take(self, places: Any, axis: int = -1) -> Tensor:
        """Take the elements at the given indices along an axis."""
        if not isinstance(places, Tensor):
            places = self.graph.constant(places, np.int64)
        return self.graph.add("Gather", [self, places], self.dtype, axis=axis)

    def sorted(self) -> Tensor:
        """Sort along the last axis in ascending order."""
        values, _ = self.graph.several("TopK", [self, self.size()], [self.dtype, np.int64],
                                       axis=-1, largest=0, sorted=1)  # fmt: skip
        return values

    def pad(self, before: Any, after: Any, mode: str = "constant") -> Tensor:
        """Extend the last axis with zeros or, for ``mode="edge"``, with the edge values."""
        ends = [self.graph.vector(before), self.graph.vector(after)]
        absent = self.graph.absent if mode == "edge" else self.graph.constant(0, self.dtype)
        inputs = [self, self.graph.concat(ends, axis=0), absent, self.graph.vector(-1)]
        return self.graph.add("Pad", inputs, self.dtype, mode=mode)

    def __matmul__(self, other: Any) -> Tensor:
        return self.graph.operator("MatMul", self, other)


class Graph:
    """Operators and constants of an ONNX graph under construction.

    Parameters
    ----------
    caller : str
        Name of the calling function, for the message if the package onnx is missing.
    """

    def __init__(self, caller: str):
        self.onnx = require("onnx", caller, "onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[tuple[bytes, str, tuple[int, ...]], Tensor] = {}
        self._n_names = 0

    @property
    def absent(self) -> Tensor:
        """Placeholder for an optional input that is left out."""
        return Tensor(self, "", np.float64)

    def code(self, dtype: DTypeLike) -> int:
        """Return the number of a type in the ONNX format."""
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def name(self) -> str:
        """Return a new name."""
        self._n_names += 1
        return f"v{self._n_names}"

    def constant(self, value: ArrayLike, dtype: DTypeLike) -> Tensor:
        """Add a constant; equal constants are stored once."""
        array = np.ascontiguousarray(value, dtype=dtype).reshape(np.shape(value))
        key = array.tobytes(), array.dtype.str, array.shape
        if key not in self._known:
            tensor = Tensor(self, self.name(), array.dtype)
            self.constants.append(self.onnx.numpy_helper.from_array(array, tensor.name))
            self._known[key] = tensor
        return self._known[key]

    def vector(self, value: Any) -> Tensor:
        """Return an integer or a tensor of one element as a vector of one element."""
        return value if isinstance(value, Tensor) else self.constant([value], np.int64)

    def several(
        self, kind: str, inputs: Sequence[Tensor], dtypes: Sequence[DTypeLike], **attributes: Any
    ) -> list[Tensor]:
        """Add an operator with several results."""
        results = [Tensor(self, self.name(), dtype) for dtype in dtypes]
        self.nodes.append(
            self.onnx.helper.make_node(
                kind, [t.name for t in inputs], [t.name for t in results], **attributes
            )
        )
        return results

    def add(
        self, kind: str, inputs: Sequence[Tensor], dtype: DTypeLike, **attributes: Any
    ) -> Tensor:
        """Add an operator with one result, of type `dtype`."""
        return self.several(kind, inputs, [dtype], **attributes)[0]

    def operator(self, kind: str, *operands: Any) -> Tensor:
        """Add an operator; numbers and arrays become constants of the type of the tensors."""
        dtype = next(x.dtype for x in operands if isinstance(x, Tensor))
        tensors = [x if isinstance(x, Tensor) else self.constant(x, dtype) for x in operands]
        return self.add(kind, tensors, np.bool_ if kind in _COMPARISONS else dtype)

    def where(self, condition: Tensor, one: Any, other: Any) -> Tensor:
        """Choose elements of `one` where `condition` is true and of `other` elsewhere."""
        dtype = next(x.dtype for x in (one, other, condition) if isinstance(x, Tensor))
        dtype = np.dtype(np.float64) if dtype == np.bool_ else dtype
        pair = [x if isinstance(x, Tensor) else self.constant(x, dtype) for x in (one, other)]
        return self.add("Where", [condition, *pair], dtype)

    def concat(self, parts: Sequence[Tensor], axis: int = -1) -> Tensor:
        """Concatenate tensors along an axis."""
        if len(parts) == 1:
            return parts[0]
        return self.add("Concat", parts, parts[0].dtype, axis=axis)

    def counting(self, stop: Tensor, step: int = 1) -> Tensor:
        """Return integers from 0 up to, but not including, the single element of `stop`."""
        scalar = self.add("Squeeze", [stop], np.int64)
        ends = [self.constant(0, np.int64), scalar, self.constant(step, np.int64)]
        return self.add("Range", ends, np.int64)

    def scan(
        self,
        body: Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]],
        state: Tensor,
        items: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Add a loop over the first axis of `items`.

        Parameters
        ----------
        body : callable
            Function that takes the state and an item and returns the next state and an output or
            None.
        state : Tensor
            State before the first item.
        items : Tensor
            Items along the first axis.

        Returns
        -------
        state : Tensor
            State after the last item.
        outputs : Tensor or None
            Outputs stacked along a new first axis.
        """
        outer, self.nodes = self.nodes, []
        begin, item = (Tensor(self, self.name(), t.dtype) for t in (state, items))
        end, output = body(begin, item)
        end = self.add("Identity", [end], end.dtype)
        results = [end] if output is None else [end, output]
        inner, self.nodes = self.nodes, outer
        value = self.onnx.helper.make_tensor_value_info
        graph = self.onnx.helper.make_graph(
            inner,
            self.name(),
            [value(t.name, self.code(t.dtype), None) for t in (begin, item)],
            [value(t.name, self.code(t.dtype), None) for t in results],
        )
        dtypes = [t.dtype for t in results]
        found = self.several("Scan", [state, items], dtypes, body=graph, num_scan_inputs=1)
        return found[0], found[1] if output is not None else None

    def embed(self, model: Any, inputs: dict[str, Tensor], outputs: dict[str, DTypeLike]) -> Any:
        """Add the operators of another model.

        Parameters
        ----------
        model : onnx.ModelProto
            Model to add.
        inputs : dict of str to Tensor
            Inputs of the model, by name.
        outputs : dict of str to dtype-like
            Types of the outputs that are needed, by name.

        Returns
        -------
        results : list of Tensor
            Outputs of the model in the order of `outputs`.
        """
        if model.functions:
            model = self.onnx.inliner.inline_local_functions(model)
        prefix = f"{self.name()}_"
        graph = self.onnx.compose.add_prefix(model, prefix).graph
        for name, tensor in inputs.items():
            self.nodes.append(
                self.onnx.helper.make_node("Identity", [tensor.name], [prefix + name])
            )
        self.nodes.extend(graph.node)
        self.constants.extend(graph.initializer)
        return [Tensor(self, prefix + name, dtype) for name, dtype in outputs.items()]

    def model(
        self, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
        metadata: dict[str, str], text: str,
    ) -> Any:  # fmt: skip
        """Build the model.

        Parameters
        ----------
        inputs : dict of str to (dtype-like, shape)
            Type and shape of each input. Sizes are numbers or names.
        outputs : dict of str to (Tensor, shape)
            Value and shape of each output.
        metadata : dict of str to str
            Metadata to store in the model.
        text : str
            Description of the inputs and outputs.

        Returns
        -------
        model : onnx.ModelProto
            Checked model.
        """
        helper = self.onnx.helper
        ends = [
            helper.make_node("Identity", [tensor.name], [name])
            for name, (tensor, _) in outputs.items()
        ]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            [*self.nodes, *ends],
            "sklearn_emg",
            [value(name, self.code(dtype), shape) for name, (dtype, shape) in inputs.items()],
            [value(name, self.code(t.dtype), shape) for name, (t, shape) in outputs.items()],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, producer_name="sklearn_emg", doc_string=text, ir_version=8
        )
        helper.set_model_props(model, metadata)
        self.onnx.checker.check_model(model)
        return model
