"""The short form of steps and marks on the command line: `plot.kind=scatter,blur` and `slic,count=16`."""

from collections.abc import Iterator, Sequence

Value = str | int | float | bool


def parse_views(texts: Sequence[str] | None) -> dict[str, dict[str, Value]] | None:
    """Read `--views`: steps, or `step.parameter=value`, separated by commas; a value may hold commas itself.

    Raises ExperimentError naming the steps, parameters or values that are allowed.
    """
    if texts is None:
        return None
    from vlm_eval.errors import ExperimentError

    steps: dict[str, dict[str, Value]] = {}
    for part in (part for text in texts for part in _parts(text)):
        name, equals, value = part.partition("=")
        step, _, parameter = name.strip().partition(".")
        if equals and not parameter:
            raise ExperimentError(
                f"--views holds {part!r}; write step.parameter=value, such as plot.kind=scatter, or a step alone, "
                "such as blur. docs/views.md lists them."
            )
        steps.setdefault(step, {})
        if parameter:
            steps[step][parameter] = _typed(step, parameter, value.strip())
    return _checked("--views", steps)


def parse_marks(text: str | None) -> dict[str, Value] | None:
    """Read `--marks`: the kind of regions, then `parameter=value`, separated by commas.

    Raises ExperimentError naming the kinds, parameters or values that are allowed.
    """
    if text is None:
        return None
    marks: dict[str, Value] = {}
    for number, part in enumerate(text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals and not number:
            marks["regions"] = name
        elif equals:
            marks[name] = _typed("marks", name, value)
        else:
            from vlm_eval.errors import ExperimentError

            raise ExperimentError(
                f"--marks holds {part!r}; write the kind of regions first, then parameter=value: slic,count=16."
            )
    run = {"run": marks.pop("run")} if "run" in marks else {}  # no parameter of the step: whose maps its path is
    return _checked("--marks", {"marks": marks})["marks"] | run


def _parts(text: str) -> Iterator[str]:
    """Split at commas; what is neither a step nor sets a parameter goes on with the value before it."""
    from vlm_eval.views.settings import KINDS

    held = ""
    for piece in text.split(","):
        name = piece.strip()
        begins = name in KINDS or name.partition("=")[0].strip().partition(".")[0] in KINDS or not held
        if begins and held:
            yield held
        held = name if begins else f"{held},{piece}"
    yield held


def _typed(step: str, parameter: str, text: str) -> Value:
    """Read a number where the parameter is one; what is unknown or no number stays text and is refused later."""
    import dataclasses

    from vlm_eval.views.settings import KINDS

    fields = dataclasses.fields(KINDS[step]) if step in KINDS else ()  # type: ignore[arg-type]
    known = {field.name: field.default for field in fields}
    if isinstance(known.get(parameter, ""), str):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _checked(flag: str, steps: dict[str, dict[str, Value]]) -> dict[str, dict[str, Value]]:
    from vlm_eval.errors import ExperimentError, InputError
    from vlm_eval.views.settings import make_step

    for step, parameters in steps.items():
        try:
            make_step(step, parameters)
        except InputError as error:
            raise ExperimentError(f"{flag} cannot be used: {error}") from error
    return steps
