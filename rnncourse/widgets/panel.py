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
    part of the caption's HTML, because its bytes differ between machines and the HTML may not.

    The function draws and returns a Matplotlib figure; its arguments are the controls, each an ipywidgets control or an
    abbreviation such as ``(1, 5)``. ``needs`` says what a move makes Python do, in a few words.
    """

    def __init__(self, function: Callable[..., Figure], *, needs: str = "trains again", **controls: Any) -> None:
        self._needs, self._picture = needs, ipywidgets.Image(format="png")
        failures: list[Exception] = []

        @functools.wraps(function)  # interactive() reads the controls' defaults off the signature
        def draw(**values: Any) -> None:
            try:
                self._picture.value = _png(function(**values))
            except Exception as error:
                # interactive() prints an error and goes on; the first run must fail the cell, so it is kept.
                failures.append(error)
                raise

        # Its output area shows errors alone: what it captures would be a plain output to a front end without widgets.
        interactive = ipywidgets.interactive(draw, clear_output=False, **controls)
        if failures:
            raise failures[0]
        self.controls = {widget._kwarg: widget for widget in interactive.kwargs_widgets}
        for control in self.controls.values():
            # The function may take seconds: it runs when a slider is let go, not all along the way.
            if control.has_trait("continuous_update"):
                control.continuous_update = False
        self._view = ipywidgets.VBox([interactive, self._picture])

    def caption_html(self) -> str:
        """What stands under the still picture."""
        return (
            f'<p class="rnn-panel-caption">Needs Jupyter: these controls call Python ({html.escape(self._needs)}). '
            f"The picture shows {html.escape(self._described())}.</p>"
        )

    def _described(self) -> str:
        return ", ".join(f"{name} = {control.value}" for name, control in self.controls.items())

    def _ipython_display_(self) -> None:
        picture = {"image/png": b64encode(self._picture.value).decode(), "text/plain": f"Panel: {self._described()}"}
        caption = {"text/html": self.caption_html(), "text/plain": "Needs Jupyter."}
        # In Jupyter the empty box hides the caption, which would deny the live panel above it.
        for widget, data in ((self._view, picture), (ipywidgets.Box(), caption)):
            view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            publish_display_data({VIEW: view, **data})  # type: ignore[no-untyped-call]


panel = Panel  # as the last expression of a cell calls it


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
