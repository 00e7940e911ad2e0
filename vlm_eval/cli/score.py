"""`vlm-eval score`: read stored or imported answers again, without asking any model."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options


def score(
    source: Annotated[Path, typer.Argument(help="Run folder, or a table of answers (.jsonl, .csv).")],
    scorer: Annotated[
        str | None,
        typer.Option(
            help="Scorers, by comma: verdict, words, choice, mapping:open-images, human:FILE ... Default: "
            "verdict,words,labels, or those of the format."
        ),
    ] = None,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Say how far these scorers agree, and on which answers not.")
    ] = False,
    score_source: Annotated[
        str | None,
        typer.Option(
            help="Where anomaly scores come from, for AUROC: votes, verbalised:unit ...; default: stored."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="What a table's answers are about.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Column of the table: answer=response. Repeatable.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="A published answer file: pope, mme, mmad, anomllm or robustmad."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="What is true, where a published format keeps it in a file of its own.")
    ] = None,
    layout: Annotated[
        str, typer.Option(help="The layout that asked, for its polarity: chat, vqa, json.")
    ] = "chat",
    out: Annotated[Path | None, typer.Option(help="Run folder for a table; by default runs/<its name>.")] = None,
    root: options.RootFlag = None,
    datasets: options.CardsFlag = None,
    prompts: options.PromptsFlag = None,
) -> None:
    """Score answers; older judgements stay, and what changed is printed."""
    from vlm_eval.cli import score_work

    names = [name.strip() for name in (scorer or "").split(",") if name.strip()]
    score_work.refuse_flags(format_, labels, dataset, column)
    is_run = source.is_dir() and format_ is None
    folder = source if is_run else out or Path("runs") / source.stem
    if format_ is not None:
        names = names or score_work.replay_published(source, folder, format_, labels)
    elif not is_run:
        pairs = dict(entry.partition("=")[::2] for entry in column or ())
        score_work.import_table(
            source, folder, dataset, pairs, layout, root, tuple(datasets or ()), tuple(prompts or ())
        )
    score_work.score_run(
        folder, names or ["verdict", "words", "labels"], agreement=agreement, score_source=score_source
    )
