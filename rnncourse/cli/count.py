"""``rnncourse count LAYER --input SIZES``: parameters and operations of a network, without data."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from rnncourse._misuse import Misuse
from rnncourse.cli.common import Commands, add_command

if TYPE_CHECKING:
    from rnncourse.counting import Count


def add_to(commands: Commands) -> None:
    """Add the command."""
    add = add_command(commands, "count", count).add_argument
    add("layer", metavar="LAYER", help="layer or Sequential(...), e.g. 'LSTM(1,64,num_layers=2)'")
    add("--input", required=True, metavar="SIZES", help="shape of the input, batch included, e.g. 1,60,1")
    add("--dtype", choices=("float", "long"), default="float", help="numbers, or token ids")
    add("--convention", choices=("gemm", "coursework", "all"), default="coursework", help="how to count FLOPs")
    add("--framework", choices=("torch", "keras"), default="torch", help="whose parameters to count")
    add("--json", action="store_true", help="print JSON instead of a table")


def count(given: Namespace) -> None:
    """Count parameters and operations of a network, without data.

    LAYER is a torch.nn layer with numbers as arguments, or Sequential(...) of such layers. Recurrent layers are batch
    first unless batch_first=False is said; Sequential passes on their output sequence, and Last() takes its last
    step: "Sequential(RNN(64,32), RNN(32,64), Last(), Linear(64,512), Linear(512,10))".

    Conventions: gemm is twice the multiply-accumulates of matrix products; coursework adds the bias additions; all
    adds every elementwise operation.
    """
    import torch

    from rnncourse import counting

    sizes = _sizes(given.input)
    dtype = torch.long if given.dtype == "long" else torch.float32
    try:
        module = counting.module_from_text(given.layer)
    except ValueError as error:
        raise Misuse(str(error)) from error
    try:
        counted = counting.count(module, sizes, dtype=dtype)
    except ValueError as error:
        raise Misuse(_as_options(str(error))) from error
    if given.json:
        print(_as_json(counted, given, sizes))
    else:
        print(counted.text(framework=given.framework, convention=given.convention))


def _as_options(message: str) -> str:
    """Say a remedy in options of the command line."""
    options = {"dtype=torch.long": "--dtype long", "dtype=torch.float32": "--dtype float", "input_size": "--input"}
    for argument, option in options.items():
        message = message.replace(argument, option)
    return message


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.strip("() ").split(","))
    except ValueError:
        raise Misuse(f"--input must be whole numbers joined by commas, such as 1,60,1, got {text!r}") from None


def _as_json(counted: "Count", given: Namespace, sizes: tuple[int, ...]) -> str:
    import json

    def totals(one: Any) -> dict[str, int]:
        return {
            "parameters": one.keras_parameters if given.framework == "keras" else one.parameters,
            "macs": one.macs,
            "bias_additions": one.bias_additions,
            "elementwise": one.elementwise,
            "flops": one.flops(given.convention),
        }

    def row(one: Any) -> dict[str, Any]:
        return {"layer": one.path, "type": one.type, "output_shape": one.output_shape, **totals(one)}

    head = {"module": given.layer, "input_size": sizes, "convention": given.convention, "framework": given.framework}
    return json.dumps({**head, "layers": list(map(row, counted.layers)), "total": totals(counted)}, indent=2)
