"""`vlm-eval run`: ask, store, judge, report."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options


def run(
    experiment: options.ExperimentFile = None,
    dataset: options.DatasetFlag = None,
    model: options.ModelFlag = None,
    ablate: options.AblateFlag = None,
    levels: options.LevelsFlag = None,
    shots: options.ShotsFlag = None,
    layout: options.LayoutFlag = None,
    limit: options.LimitFlag = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; by default runs/<name>. Running again resumes.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and spend nothing.")
    ] = False,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Refuse models that pictures would leave for.")
    ] = False,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight, for remote models.")] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible server (or OPENAI_BASE_URL).")] = None,
    batch_size: Annotated[int | None, typer.Option(help="For local models.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:0 ...; for local models.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16, float16; for local models.")] = None,
    quantization: Annotated[str | None, typer.Option(help="8bit or 4bit (needs CUDA).")] = None,
    revision: Annotated[str | None, typer.Option(help="Pinned revision of the checkpoint.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.")] = None,
    repeats: Annotated[int | None, typer.Option(help="How often each question is asked.")] = None,
    yes_no: Annotated[
        bool | None,
        typer.Option(
            "--yes-no/--no-yes-no", help="Ask the forced yes/no follow-up, for AUROC. Default: local models."
        ),
    ] = None,
    scorer: Annotated[
        list[str] | None, typer.Option("--scorer", help="verdict, words, labels ... Repeatable.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Price file (YAML): USD per million tokens by model.")
    ] = None,
    seed: options.SeedFlag = None,
    reference_seed: options.ReferenceSeedFlag = None,
    root: options.RootFlag = None,
    prompts: options.PromptsFlag = None,
    datasets: options.CardsFlag = None,
) -> None:
    """Ask models about a data set over a grid of prompts; the same command again goes on where it stopped."""
    from vlm_eval.cli import run_work

    generation = {"max_tokens": max_tokens, "temperature": temperature}
    built = options.build_experiment(
        experiment,
        {
            "dataset": dataset,
            "models": model,
            "layout": layout,
            "limit": limit,
            "seed": seed,
            "reference_seed": reference_seed,
            "repeats": repeats,
            "yes_no": yes_no,
            "scorers": scorer,
            "generation": {name: value for name, value in generation.items() if value is not None} or None,
        },
        ablate=ablate,
        levels=levels,
        shots=shots,
        root=root,
        models={
            "concurrency": concurrency,
            "base_url": base_url,
            "batch_size": batch_size,
            "device": device,
            "dtype": dtype,
            "quantization": quantization,
            "revision": revision,
        },
    )
    folder = out or Path(built.out or Path("runs") / options.run_name(experiment, built.dataset[0]))
    code = run_work.run_experiment(
        built,
        folder,
        prompts=tuple(prompts or map(Path, built.prompts)),
        cards=tuple(datasets or map(Path, built.datasets)),
        dry_run=dry_run,
        local_only=local_only,
        prices=prices or (Path(built.prices) if built.prices else None),
    )
    raise typer.Exit(code)
