"""What each widget shows after a person's moves, in the state in which the book shows it."""

from collections.abc import Callable
from typing import Any

import pytest
from _server import TELEPHONE
from _widgets import DRAWN, SET, WIDGETS, do, mount, shown, until
from playwright.sync_api import Page

from rnncourse.widgets import GateExplorer, LSTMWalk
from rnncourse.widgets.causality_explorer import NETWORKS

Shown = dict[str, Any]
Wanted = dict[str, Any] | Callable[[Shown, Shown, Shown], bool]
FITS = "w => w.scrollWidth <= w.clientWidth && w.getBoundingClientRect().right <= innerWidth"
LONG = "antidisestablishmentarianism " * 12 + "https://example.org/a/very/long/address" * 3
WRONG = {"pytorch": 50_432, "all": "Type a whole number from 1 to 8,192."}
NOTHING = {"words": "–", "status": "Type a sentence.", "can": lambda names: "Read word by word" not in names}


def as_at_first(first: Shown, was: Shown, now: Shown) -> bool:
    return {**first, "status": "", "all": ""} == {**now, "status": "", "all": ""}


def changed(first: Shown, was: Shown, now: Shown) -> bool:
    return was["words"] != now["words"]


def said(text: str) -> dict[str, Any]:
    return {"Your sentence": text}


def sorted_words(first: Shown, was: Shown, now: Shown) -> bool:
    old, new = (each["Your sentence"].lower().split() for each in (was, now))
    return sorted(old) == sorted(new) and old != new


START = GateExplorer(task="overwrite")
AT_ONE = {f"h_h_{unit}": float(value) for unit, value in enumerate(LSTMWalk(x=[1.0]).step.h, 1)}
OVERWRITE = {"ai, input gate": 8, "af, forget gate": -8, "ag, candidate": -1}


# For each widget its moves, in their order, and after each what it shows: numbers, parts of its words, or a rule for
# what it showed at first, before the move, and now.
STORIES: dict[str, list[tuple[tuple[str | dict[str, Any], ...], Wanted]]] = {
    "cell_explorer": [
        (("Next step",), lambda _, was, now: all(now[f"control_h_prev_{k}"] == was[f"h_{k}"] for k in (1, 2))),
        (("Previous step",), as_at_first),
        (({"x row 1": 1.3},), changed),
        (("Reset",), as_at_first),
    ],
    "parameter_calculator": [
        *((({"Hidden size": wrong},), WRONG) for wrong in ("", "0", "2.5", "9999999")),
        (({"Hidden size": 65},), lambda _, was, now: changed(_, was, now) and "Type a whole" not in now["all"]),
    ],
    "receptive_field": [
        ((), {"field": 9, "reached": 9, "layers_needed": 16}),
        (({"Dilation, times per layer": 2},), {"field": 31, "reached": 31, "layers_needed": 5}),
        (({"Kernel size": 1},), {"words": "never"}),
        (("Reset",), as_at_first),
    ],
    "gradient_explorer": [
        (({"Spectral radius": 0.8, "Nonlinearity": "linear", "Time steps": 11},), {"ratio": 0.8**10, "halved": 4}),
        (({"Nonlinearity": "tanh"},), changed),
    ],
    "gate_explorer": [
        (({"Sequence": "count"},), {"at": 1, "Sequence": "count"}),
        (("Next step", {"ag, candidate": 0.75}), {"at": 2, "Sequence": "own", "control_a_g": 0.75}),
        (("Next step", "Previous step"), {"at": 2, "control_a_g": 0.75}),
        (("Reset",), as_at_first),
        (
            ({"Task: reach a state": "overwrite"},),
            {"off": START.off[-1], "all": "c after step 5 should be −0.76"},
        ),
        (
            (*["Next step"] * 4, OVERWRITE),
            lambda _, was, now: now["off"] < 0.01 and "Reached: every mark" in now["all"],
        ),
        (("Reset",), as_at_first),
    ],
    "lstm_walk": [
        (("Next",), {"control_at": 2, "Zoom": "cell"}),
        (({"Stage": 11},), {"control_at": 11, "Zoom": "product", "can": lambda names: "Next" not in names}),
        (({"Unit looked into": "2"},), changed),
        (("Back", {"Input x": 1}), {**AT_ONE, "control_at": 10, "Zoom": "cell"}),
        (({"Zoom": "network"},), {"control_at": 10, "Zoom": "network"}),
        (({"Input x": 2, "Stage": 1, "Unit looked into": "1"},), as_at_first),
    ],
    "state_path": [
        (("Step",), {"control_at": 61}),
        (({"Time step": 97}, "Play"), {"control_at": 100, "can": lambda names: "Step" not in names}),
        (("Back to the start",), {"control_at": 1}),
        (("Play", "Pause", "Reset"), as_at_first),
    ],
    "forecast_explorer": [
        (({"Keep of today": 1},), lambda _, was, now: now["yours_all"] == pytest.approx(now["persistence_all"])),
        (("Next day",), lambda _, was, now: now["control_at"] == was["control_at"] + 1 and changed(_, was, now)),
        ((), lambda _, was, now: now["persistence_so_far"] != pytest.approx(now["persistence_error"] ** 2)),
        (("Reset",), as_at_first),
    ],
    # Input 5 of ten: four outputs before it, six from it on; windows of four forecast steps 6 to 9 from it.
    "causality_explorer": [
        *(
            (({"Network": network},), dict(zip(("earlier", "later", "ahead"), numbers, strict=True)))
            for network, numbers in zip(NETWORKS, ((0, 6, 0), (4, 6, 45), (0, 4, 0), (2, 3, 17)), strict=True)
        ),
        (({"Push": 0},), {"earlier": 0, "later": 0, "ahead": 0}),
    ],
    "gate_scrubber": [
        (("Next minute", "To the jump"), lambda _, was, now: abs(now["f_difference"]) > 1e-3),
        (({"Minute shown": 24},), {"f_difference": 0}),
        (("Reset",), as_at_first),
    ],
    # Only padding that is read behind changes the answer.
    "padding_explorer": [
        (({"Padding steps": 60},), lambda _, was, now: now["apart_read"] < 1e-3 * now["apart_word"]),
        ((), lambda _, was, now: now["reaches"] < -3),
        (({"Padding": "masked"},), lambda _, was, now: now["read"] == now["word"]),
        ((), lambda _, was, now: now["apart_read"] == now["apart_word"] and now["reaches"] == 0),
        (({"Padding": "in front"},), lambda _, was, now: now["read"] == now["word"] > 0.9 and now["length"] == 65),
        (({"Network": "padded, keeps", "Padding": "behind"},), lambda _, was, now: now["read"] > 0.9),
        (("Reset",), as_at_first),
    ],
    "skip_explorer": [
        ((), {"words": "met at step 19", "share": 35}),
        (({"Pulse lasts, steps": 1},), {"words": "missed"}),
        (({"Rise while waiting": 0.5},), {"words": "met at step 18"}),
        (({"Rise after the pulse": 0.01},), {"share": 45}),
        (({"Pulse lasts, steps": 8, "Rise while waiting": 0.2, "Rise after the pulse": 0.2},), as_at_first),
    ],
    # At the first update; on to the end of a choice that learns; back; and a rate that is too high, said in words.
    "training_loop": [
        (("One update",), lambda first, _, now: now["updates"] == 1 and now["weight_1"] != first["weight_1"]),
        (("Reset",), as_at_first),
        (({"Time steps": 5, "Seed": 1},), lambda first, _, now: now["updates"] == 0 and changed(_, first, now)),
        (("Start",), {"can": lambda names: "Pause" in names}),
        ((), lambda _, was, now: now["updates"] > 30),
        (("Pause",), {"can": lambda names: "Start" in names}),
        (("Start",), {"updates": 1000, "all": "learned", "status": "learned"}),
        ((), {"can": lambda names: "One update" not in names}),
        (({"Optimiser": "gradient descent", "Learning rate": 1.5},), {"updates": 0, "control_rate": 30}),
        (("Start",), {"all": "diverges"}),
        (("Pause", {"Units": "2"}), {"updates": 0, "all": "2 units"}),
        (({"Seed": ""},), {"all": "Type a whole number from 0 to 9,999."}),
    ],
    "sentence_reader": [
        ((said("I am happy"),), {"words": "joy,"}),
        ((said("I am not happy but sad"),), {"words": "sadness,", "status": "sadness"}),
        ((said("I am not sad but happy"),), {"words": "joy,", "status": "joy"}),
        *((("Shuffle the words",), sorted_words) for _ in range(3)),
        (
            ("Undo the shuffle",),
            {"Your sentence": "I am not sad but happy", "can": lambda names: "Undo the" not in names},
        ),
        *(((said(nothing),), NOTHING) for nothing in ("  ", "😀")),
        ((said("wug سلام"),), {"all": "“wug”, “سلام”"}),
        ((), lambda _, was, now: 0 < now["predicted"] < 1),
        ((said("happy " * 1_600),), {"last_word": 64}),
        # Part of a sentence is read, and typing goes on from its end.
        ((said("I am not sad"),), {"last_word": 4}),
        (({"Words read": 1},), {"last_word": 1, "all": "after 1 of 4 words"}),
        ((said("I am not sad but"),), {"last_word": 5}),
        # What the answer depends on: one word is the whole of it, and all units hold the last word of a direction.
        (({"Show": "depends"},), {"all": "depends most on", "status": "It depends most on word"}),
        ((said("happy"),), {"depends_on": 1, "held_forward": 32, "held_backward": 32}),
        ((said("I am not sad but happy"),), lambda _, was, now: 0 < now["depends_on"] < 1),
        (({"Words read": 2},), lambda _, was, now: now["words"]["depends_on"] != was["words"]["depends_on"]),
        ((said(" "),), {"words": "–", "can": lambda names: "Read word by word" not in names}),
        (({"Show": "moves"},), {"all": "moves the state"}),
        # The first example is read word by word once more; its twin has the same words and another answer.
        (("Reset",), as_at_first),
        (("I pretend to feel happy but deep down I feel lonely",), lambda _, was, now: now["control_at"] < 11),
        ((), as_at_first),
        (("I pretend to feel lonely but deep down I feel happy",), {"words": "joy,"}),
        # A reading is stopped, and a shorter one comes to its end.
        ((said("I am not sad " * 16), "Read word by word", "Pause"), lambda _, was, now: now["control_at"] < 64),
        ((said("I am"), "Read word by word"), {"control_at": 2, "can": lambda names: "Read word by word" in names}),
        ((said("<img src=x onerror=alert(1)> I am happy"),), {"words": "joy,"}),
        ((said(LONG),), {"all": "antidisestablishmentarianism"}),
    ],
}


def is_shown(wanted: Wanted, *looks: Shown) -> bool:
    """Whether what is shown now is what is wanted."""
    if callable(wanted):
        return wanted(*looks)
    now = looks[-1]
    for name, value in wanted.items():
        have = now["words"].values() if name == "words" else [now[name]]
        match value:
            case str():
                fits = any(value in each for each in have)
            case int() | float():
                fits = have[0] == pytest.approx(value)
            case rule:
                fits = rule(", ".join(now[name]))
        if not fits:
            return False
    return True


@pytest.mark.parametrize("module", WIDGETS)
def test_a_widget_shows_what_its_moves_lead_to(tab: Page, states: dict[str, Shown], module: str) -> None:
    widget = mount(tab, module, states[module])
    first, asked = shown(widget), []
    tab.on("request", listen := lambda request: asked.append(request.url))
    for moves, wanted in STORIES[module]:
        was = shown(widget)
        do(widget, *moves)
        assert until(tab, lambda was=was, wanted=wanted: is_shown(wanted, first, was, shown(widget))), moves
    assert widget.locator("img").count() == 0, "markup was taken for markup"
    tab.remove_listener("request", listen)
    assert asked == [], "something left the page"
    for width in (TELEPHONE, 1300):
        tab.set_viewport_size({"width": width, "height": 844})
        assert widget.evaluate(FITS), width


@pytest.mark.parametrize(
    ("module", "moves", "last"),
    [
        ("state_path", ("Play",), 100),
        ("sentence_reader", (said("I am not sad"), {"Words read": 2}, "Read word by word"), 4),
    ],
)
def test_nothing_plays_for_who_asked_for_less_motion(
    tab: Page, states: dict[str, Shown], module: str, moves: tuple[str, ...], last: int
) -> None:
    tab.emulate_media(reduced_motion="reduce")
    widget = mount(tab, module, states[module])
    do(widget, *moves)
    assert shown(widget)["control_at"] == last


def test_bars_glide_as_words_are_read_and_stand_at_once_where_a_key_was_pressed(
    tab: Page, states: dict[str, Shown]
) -> None:
    widget = mount(tab, "sentence_reader", states["sentence_reader"])
    moving = "() => document.getAnimations().length"
    do(widget, said("I am not happy at all"))
    assert (shown(widget)["control_at"], tab.evaluate(moving)) == (6, 0)
    widget.get_by_label("Words read").evaluate(SET, "3")
    assert tab.evaluate(moving) > 0


def test_a_letter_stands_before_what_follows_from_it_and_is_not_taken_back(tab: Page, states: dict[str, Shown]) -> None:
    widget = mount(tab, "sentence_reader", states["sentence_reader"])
    before = shown(widget)
    typed = f"""(field, slider) => {{
      for (const end of [" an", " and", " and not"]) {{
        field.value = "I am sad" + end;
        field.dispatchEvent(new Event("input"));
      }}
      ({SET})(slider, "2");
      return field.value;
    }}"""
    slider = widget.get_by_label("Words read").element_handle()
    assert widget.get_by_label("Your sentence").evaluate(typed, slider) == "I am sad and not"
    assert shown(widget)["predicted"] != before["predicted"]  # the slider's two words
    tab.evaluate(DRAWN)
    assert (shown(widget)["Your sentence"], shown(widget)["control_at"]) == ("I am sad and not", 5)


def test_a_training_is_drawn_at_its_end_for_who_asked_for_less_motion(tab: Page, states: dict[str, Shown]) -> None:
    tab.emulate_media(reduced_motion="reduce")
    widget = mount(tab, "training_loop", states["training_loop"])
    widget.evaluate("""w => {
      w.drawn = 0;
      new MutationObserver(() => w.drawn += 1).observe(w.querySelector(".rnn-train-loss"), {childList: true});
    }""")
    do(widget, "Start")
    assert until(tab, lambda: shown(widget)["updates"] == 1000, 30)
    assert widget.evaluate("w => w.drawn") <= 2


def test_a_training_rests_while_it_is_out_of_sight(tab: Page, states: dict[str, Shown]) -> None:
    widget = mount(tab, "training_loop", states["training_loop"])
    widget.evaluate("w => { w.style.marginTop = '3000px'; scrollTo(0, 0); }")
    tab.wait_for_timeout(300)
    widget.get_by_role("button", name="Start", exact=True).evaluate("start => start.click()")
    tab.wait_for_timeout(300)
    made = shown(widget)["updates"]
    tab.wait_for_timeout(500)
    assert shown(widget)["updates"] == made < 30
    widget.evaluate("w => w.scrollIntoView()")
    assert until(tab, lambda: shown(widget)["updates"] > made + 30)
