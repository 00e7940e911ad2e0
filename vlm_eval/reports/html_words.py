"""The summary of a page in plain words: what was asked, found (how sure), what is missing and what it cost."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.effects import EffectRow
from vlm_eval.reports.effects_table import contrast_name, p_text
from vlm_eval.reports.html_panel import Numbers, totals
from vlm_eval.reports.html_payload import outcome_name
from vlm_eval.reports.info import TOY_NOTE, is_toy
from vlm_eval.reports.measures import CellResult
from vlm_eval.reports.tables import percent

_SURE = 0.05


def summary(numbers: Numbers) -> list[tuple[str, str]]:
    """Return the paragraphs of a panel's summary: a heading of one or two words, and what it says."""
    told = [
        ("Asked", _asked(numbers)),
        ("Found", _found(numbers)),
        ("How sure", _sure(numbers)),
        ("Ingredients", _ingredients(numbers.effects)),
        ("Controls", _controls(numbers)),
        ("Unanswered", _unanswered(numbers)),
        ("Cost", _cost(numbers)),
    ]
    if is_toy(numbers.panel.model):
        told.append(("Toy", TOY_NOTE))
    return [(name, text) for name, text in told if text]


def rate_words(estimate: Estimate) -> str:
    """Write a rate with its interval as in running text."""
    if estimate.value is None:
        return f"undefined ({estimate.reason})"
    text = f"{percent(estimate.value)} %"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} (95 % interval {percent(estimate.low)} to {percent(estimate.high)})"


def most_accurate(numbers: Numbers) -> CellResult | None:
    """Return the cell of the highest accuracy; None where no cell has one."""
    known = [result for result in numbers.results if result.measures["accuracy"].value is not None]
    return max(known, key=lambda result: result.measures["accuracy"].value or 0.0, default=None)


def _asked(numbers: Numbers) -> str:
    items = numbers.asks.drop_duplicates("sample_id")
    gold = Counter(items["gold"])
    parts = [f"{gold[key]} {name}" for key, name in _GOLD.items() if gold[key]]
    classes = items["object_class"].nunique()
    of = f", {classes} object classes" if classes > 1 else ""
    repeats = numbers.asks["repeat"].nunique()
    times = f", {repeats} times each" if repeats > 1 else ""
    prompts = "one prompt" if numbers.all_cells == 1 else f"{numbers.all_cells:,} prompts"
    about = f"about {len(items):,} items of “{numbers.data}” ({', '.join(parts)}{of})"
    if numbers.silent:
        return (
            f"{numbers.panel.model}, a baseline that reads no prompt, gave {len(numbers.asks):,} scores {about}."
        )
    return f"{numbers.panel.model} was asked {about}, with {prompts}{times}: {len(numbers.asks):,} questions."


_GOLD = {"yes": "anomalous", "no": "normal", "unknown": "of unknown gold", "unanswerable": "unanswerable"}


def _found(numbers: Numbers) -> str:
    best = most_accurate(numbers)
    if best is None:
        if numbers.silent:
            return _ranking(numbers)
        reason = numbers.results[0].measures["accuracy"].reason if numbers.results else "nothing was asked"
        return f"Nothing can be said of its accuracy: {reason}."
    found = best.measures
    where = f"With the prompt {best.cell}" if numbers.all_cells == 1 else f"With its best prompt, {best.cell},"
    text = f"{where} it is right on {rate_words(found['accuracy'])} of the items."
    return text + _errors(found["recall"], found["overkill"])


def _ranking(numbers: Numbers) -> str:
    areas = list(dict.fromkeys(rate_words(result.measures["auroc"]) for result in numbers.results))
    return (
        "It claims nothing and ranks the items by a score: an anomalous item scores higher than a normal one in"
        f" {' or '.join(areas[:4])} of the pairs (AUROC, mean over classes)."
    )


def _sure(numbers: Numbers) -> str:
    best = most_accurate(numbers)
    if best is None:
        return ""
    accuracy, items = best.measures["accuracy"], best.items
    clusters = f" in {accuracy.clusters:,} clusters" if accuracy.clusters not in (0, items) else ""
    text = f"The intervals rest on {items:,} items{clusters}: they hold for more items like these, not for others."
    prevalence = best.measures["prevalence"].value
    if accuracy.low is not None and prevalence is not None:
        constant = max(prevalence, 1 - prevalence)
        answer = "yes" if prevalence >= 0.5 else "no"
        told = "beats" if accuracy.low > constant else "is not shown to beat"
        text += f" Its accuracy {told} that of always saying {answer}, {percent(constant)} %."
    return text + _choice(numbers)


def _errors(recall: Estimate, overkill: Estimate) -> str:
    parts = []
    if recall.value is not None:
        parts.append(f"finds {rate_words(recall)} of the anomalous items")
    if overkill.value is not None:
        parts.append(f"does not pass {rate_words(overkill)} of the normal ones")
    return f" It {' and '.join(parts)}." if parts else ""


def _choice(numbers: Numbers) -> str:
    named = numbers.choice
    if named is None or named.choice.best is None:
        few = numbers.all_cells == 1
        return "" if few else f" It is the best of {numbers.all_cells:,} on these very items, so that is too high."
    ties = len(named.choice.tied) - 1
    text = f" Chosen and judged on different items, the best prompt scores {rate_words(named.choice.honest)};"
    if ties <= 0:
        return f"{text} every other prompt is worse beyond chance."
    if ties == len(named.cells) - 1:
        return f"{text} no other prompt can be told from it."
    return f"{text} {ties} of the other {len(named.cells) - 1} prompts cannot be told from it."


def _ingredients(rows: Sequence[EffectRow]) -> str:
    sure = [row for row in rows if (row.adjusted_p or 1.0) < _SURE and row.effect.difference.value is not None]
    tested = sum(row.adjusted_p is not None for row in rows)
    if not tested:
        return ""
    if not sure:
        return f"None of the {tested} tests of what an ingredient adds is significant after Holm's correction."
    parts = []
    for row in sure[:6]:
        value = 100 * (row.effect.difference.value or 0.0)
        verb = "raises" if value > 0 else "lowers"
        low, high = (
            f"{100 * (limit or 0.0):+.0f}".replace("-", "−")
            for limit in (row.effect.difference.low, row.effect.difference.high)
        )
        p_value = p_text(row.adjusted_p)
        p_words = f"p {p_value}" if p_value.startswith("<") else f"p = {p_value}"
        parts.append(
            f"{contrast_name(row)} {verb} {row.measure} by {abs(value):.0f} points (95 % interval {low} to {high},"
            f" {p_words})"
        )
    more = f"; and {len(sure) - 6} more effects are sure" if len(sure) > 6 else ""
    return (
        f"{'; '.join(parts)}{more}. The other {tested - len(sure)} of {tested} tests show nothing beyond chance."
    )


def _controls(numbers: Numbers) -> str:
    """Tell what probes have shown, what a model fails at first."""
    if numbers.probes is None:
        return ""
    shown = [
        f"{row.words} ({row.probe})" for kind in ("no", "yes") for row in numbers.probes.rows if row.kind == kind
    ]
    undecided = sum(row.kind == "undecided" for row in numbers.probes.rows)
    rest = [f"{len(shown) - 6} more are in the table"] if len(shown) > 6 else []
    rest += [f"{undecided} of {len(numbers.probes.rows)} probes decide nothing"] if undecided else []
    return f"It {'; it '.join(shown[:6])}. {_capital('; '.join(rest))}".strip() if shown else _capital(rest[0])


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _unanswered(numbers: Numbers) -> str:
    counts = Counter(outcome_name(ask) for ask in numbers.asks[_OUTCOME].to_dict("records"))
    failed = {name.removeprefix("failed: "): n for name, n in counts.items() if name.startswith("failed")}
    silent = {
        name: n for name, n in counts.items() if name not in ("claim", "open") and not name.startswith("failed")
    }
    answers = counts["claim"] + sum(silent.values())
    if numbers.silent:
        silent = {}  # it is not asked for a claim
    text = "Every answer makes a claim." if answers and not silent and not numbers.silent else ""
    if silent:
        text = (
            f"{sum(silent.values()):,} of {answers:,} answers make no claim ({_listed(silent)}): counted as wrong."
        )
    if failed:
        text += f" {sum(failed.values()):,} questions failed ({_listed(failed)}): missing, never wrong."
    elif answers:
        text += " No question failed."
    if counts["open"]:
        text += f" {counts['open']:,} questions have no outcome yet: the run is not finished."
    return text.strip()


_OUTCOME = ["status", "failure", "verdict", "verdict_reason"]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items(), key=lambda pair: -pair[1]))


def _cost(numbers: Numbers) -> str:
    asks = numbers.asks[numbers.asks["status"] == "answered"]
    if asks.empty:
        return ""
    seconds, read, written = (totals([asks], name) for name in ("latency", "prompt_tokens", "completion_tokens"))
    parts = []
    if seconds is not None:
        known = pd.to_numeric(asks["latency"], errors="coerce").dropna()
        median, late = (f"{known.quantile(share):.2g}" for share in (0.5, 0.95))
        parts.append(f"{seconds / len(known):.2g} seconds an answer (p50 {median}, p95 {late})")
    if read is not None and written is not None:
        parts.append(f"{read:,.0f} tokens in and {written:,.0f} out")
        price = numbers.info.get("prices", {}).get(numbers.panel.model)
        if price is not None:
            parts.append(f"${(read * price[0] + written * price[1]) / 1e6:,.2f} for these answers alone")
    return f"{', '.join(parts)}." if parts else "Neither time nor tokens were recorded."
