"""`vlm-eval run`: ask, store, judge, report."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.cli import options, step_flags


def run(
    experiment: options.ExperimentFile = None,
    dataset: options.DatasetFlag = None,
    model: options.ModelFlag = None,
    ablate: options.AblateFlag = None,
    levels: options.LevelsFlag = None,
    shots: options.ShotsFlag = None,
    layout: options.LayoutFlag = None,
    join: options.JoinFlag = None,
    views: options.ViewsFlag = None,
    marks: options.MarksFlag = None,
    limit: options.LimitFlag = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; by default runs/<name>. Running again resumes.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="i/n: ask only the i-th of n shares, for arrays of jobs; then `merge`.")
    ] = None,
    executor: Annotated[
        str, typer.Option(help="here, or ray: a pool of workers on RAY_ADDRESS, else on this machine.")
    ] = "here",
    workers: Annotated[
        int | None, typer.Option(help="Ray workers, each with the model; by default one a CPU or GPU share.")
    ] = None,
    worker_gpus: Annotated[float, typer.Option(help="GPUs of a Ray worker.")] = 0.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and spend nothing.")
    ] = False,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Refuse models that pictures would leave for.")
    ] = False,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight, for remote models.")] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible server (or OPENAI_BASE_URL).")] = None,
    requests_per_minute: Annotated[float | None, typer.Option(help="For remote models.")] = None,
    tokens_per_minute: Annotated[float | None, typer.Option(help="In and out; for remote models.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds a call, for remote models.")] = None,
    detail: Annotated[str | None, typer.Option(help="low, high or auto pictures, for remote models.")] = None,
    reasoning_effort: Annotated[
        str | None, typer.Option(help="minimal, low, medium, high; for remote reasoning models.")
    ] = None,
    batch: Annotated[
        bool | None,
        typer.Option("--batch", help="Ask through OpenAI's Batch API: half the price, within 24 hours."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="For local models.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads, for local models.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:0 ...; for local models.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16, float16; for local models.")] = None,
    quantization: Annotated[str | None, typer.Option(help="8bit or 4bit (needs CUDA).")] = None,
    revision: Annotated[str | None, typer.Option(help="Pinned revision of the checkpoint.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy.")] = None,
    repeats: Annotated[int | None, typer.Option(help="How often each question is asked.")] = None,
    sentinels: Annotated[
        int | None,
        typer.Option(min=1, help="Ask so many items at the start and again at the end, to show drift; say 50."),
    ] = None,
    yes_no: Annotated[
        bool | None,
        typer.Option(
            "--yes-no/--no-yes-no", help="Ask the forced yes/no follow-up, for AUROC. Default: local models."
        ),
    ] = None,
    after_answer: Annotated[
        bool, typer.Option("--after-answer", help="Ask the forced yes/no after the model's own answer instead.")
    ] = False,
    rounds: Annotated[
        str | None, typer.Option(help="Follow-ups after each answer, in order: look-again,check-each-rule ...")
    ] = None,
    rounds_feedback: Annotated[
        Path | None, typer.Option(help="CSV of texts for the round `feedback`: sample_id, round, text.")
    ] = None,
    probe: Annotated[
        str | None, typer.Option(help="Controls on the same items: look,read, or names: blank,swap,no-class ...")
    ] = None,
    scorer: Annotated[
        list[str] | None, typer.Option("--scorer", help="verdict, words, labels ... Repeatable.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Price file (YAML): USD per million tokens by model.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Most USD that the whole run folder may cost; needs --prices.")
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Ask nothing new after so many minutes.")] = None,
    seed: options.SeedFlag = None,
    reference_seed: options.ReferenceSeedFlag = None,
    references: options.ReferencesFlag = None,
    reference_kind: options.ReferenceKindFlag = None,
    support: options.SupportFlag = None,
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
            "references": references,
            "reference_kind": reference_kind,
            "support": int(support) if support is not None and support.isdecimal() else support,
            "repeats": repeats,
            "join": join,
            "views": step_flags.parse_views(views),
            "marks": step_flags.parse_marks(marks),
            "sentinels": sentinels,
            "yes_no": "after-answer" if after_answer else yes_no,
            "rounds": None if rounds is None else [name.strip() for name in rounds.split(",") if name.strip()],
            "rounds_feedback": str(rounds_feedback) if rounds_feedback else None,
            "probes": None if probe is None else [name.strip() for name in probe.split(",") if name.strip()],
            "scorers": scorer,
            "max_cost": max_cost,
            "max_minutes": max_minutes,
            "generation": {name: value for name, value in generation.items() if value is not None} or None,
        },
        ablate=ablate,
        levels=levels,
        shots=shots,
        root=root,
        models={
            "concurrency": concurrency,
            "base_url": base_url,
            "batch": batch,
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
            "timeout": timeout,
            "detail": detail,
            "reasoning_effort": reasoning_effort,
            "batch_size": batch_size,
            "threads": threads,
            "device": device,
            "dtype": dtype,
            "quantization": quantization,
            "revision": revision,
        },
    )
    folder = out or Path(built.out or Path("runs") / options.run_name(experiment, built.dataset[0]))
    if shard and not out:
        folder = folder.with_name(f"{folder.name}-shard-{shard.replace('/', '-of-')}")
    code = run_work.run_experiment(
        built,
        folder,
        prompts=tuple(prompts or map(Path, built.prompts)),
        cards=tuple(datasets or map(Path, built.datasets)),
        shard=shard,
        executor=executor,
        workers=workers,
        worker_gpus=worker_gpus,
        dry_run=dry_run,
        local_only=local_only,
        prices=prices or (Path(built.prices) if built.prices else None),
    )
    raise typer.Exit(code)
