"""A control that must call Python: live in Jupyter, a labelled still picture on the published page."""

import functools
import html
import io
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import ipywidgets
from IPython.display import publish_display_data
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

VIEW = "application/vnd.jupyter.widget-view+json"


class Panel:
    """A function of a few controls that draws a figure.

    A notebook shows it as two outputs. Each carries a live view, which Jupyter prefers, and something that
    remains where there is no kernel: the picture for the first, a caption for the second. The picture is no
    part of the caption's HTML, because its bytes differ between machines and the HTML may not. ``controls`` are the
    ipywidgets controls by the name of the function's argument, ``view`` holds them above the picture.
    """

    def __init__(self, function: Callable[..., Figure], needs: str, controls: dict[str, Any]) -> None:
        self._function, self._needs = function, needs
        self._failure: Exception | None = None
        self._picture = ipywidgets.Image(format="png")
        # interactive() reads the controls' defaults off the signature, which wraps() hands on. Its output area
        # shows errors alone: what it captures would be a plain output to a front end that knows no widgets.
        draw = functools.wraps(function)(self._drawer())
        self._interactive = ipywidgets.interactive(draw, clear_output=False, **controls)
        if self._failure is not None:
            raise self._failure
        self.controls = {widget._kwarg: widget for widget in self._interactive.kwargs_widgets}
        for control in self.controls.values():
            # The function may take seconds: it runs when a slider is let go, not all along the way.
            if control.has_trait("continuous_update"):
                control.continuous_update = False
        self.view = ipywidgets.VBox([self._interactive, self._picture])

    def _drawer(self) -> Callable[..., None]:
        def draw(**values: Any) -> None:
            self._failure = None
            try:
                self._picture.value = _png(self._function(**values))
            except Exception as error:
                # interactive() prints an error and goes on; the first run must fail the cell, so it is kept.
                self._failure = error
                raise

        return draw

    @property
    def values(self) -> dict[str, Any]:
        """The controls' present values, by the name of the function's argument."""
        return {name: control.value for name, control in self.controls.items()}

    def _described(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.values.items())

    def caption_html(self) -> str:
        """What stands under the still picture."""
        return (
            f'<p class="rnn-panel-caption">Needs Jupyter: these controls call Python ({html.escape(self._needs)}). '
            f"The picture shows {html.escape(self._described())}.</p>"
        )

    def _ipython_display_(self) -> None:
        plain = f"Panel: {self._described()}"
        picture = {**_view(self.view), "image/png": b64encode(self._picture.value).decode(), "text/plain": plain}
        # In Jupyter the empty box hides the caption, which would deny the live panel above it.
        caption = {**_view(ipywidgets.Box()), "text/html": self.caption_html(), "text/plain": "Needs Jupyter."}
        _show(picture)
        _show(caption)


def panel(function: Callable[..., Figure], *, needs: str = "trains again", **controls: Any) -> Panel:
    """Controls for a function that must run in Python; the last expression of a cell.

    Args:
        function: draws and returns a Matplotlib figure, else a ``TypeError``; its arguments are the controls.
        needs: what a move makes Python do, in a few words.
        **controls: one ipywidgets control, or an abbreviation such as ``(1, 5)``, for each argument.
    """
    return Panel(function, needs, controls)


def _png(figure: Figure) -> bytes:
    if not isinstance(figure, Figure):
        raise TypeError(
            f"the function of a panel must return a Matplotlib figure but returned {type(figure).__name__}; "
            "end it with `return figure`."
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)  # else the inline backend shows it a second time
    return buffer.getvalue()


def _show(bundle: dict[str, Any]) -> None:
    publish_display_data(bundle)  # type: ignore[no-untyped-call]


def _view(widget: ipywidgets.Widget) -> dict[str, Any]:
    return {VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
