"""Several runs that show something together: both variants of a bundled service, a planted leak, two versions."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from floodmark_sidecar.errors import ExitCode, first_of
from floodmark_soak._builtin import proof
from floodmark_soak._compare import ROUNDS, difference
from floodmark_soak._prove import CONTROL, PLANTED, plant_for, planted_share, proven
from floodmark_soak._session import Session
from floodmark_soak._whole import Whole
from floodmark_soak._words import say_variants, variants_show
from floodmark_soak.plan import Plan
from floodmark_soak.runner import Wish

if TYPE_CHECKING:
    from floodmark_soak._outcome import Outcome
    from floodmark_soak.report import Record

NEW: Final = "new"
OLD: Final = "old"
_BROKEN: Final = (ExitCode.INTERRUPTED, ExitCode.INTERNAL, ExitCode.SERVICE_DIED, ExitCode.LOAD_FAILED)


def run_variants(session: Session, name: str, plans: dict[str, Plan]) -> int:
    """Run each of *plans*, one after the other, and end with what they prove."""
    folder = session.empty_folder(name)
    results: dict[str, dict[str, Any]] = {}
    records = []
    for variant, plan in plans.items():
        outcome, record = session.run(plan, folder / variant)
        session.say_run(outcome.result, folder / variant)
        results[variant] = outcome.result
        records.append(record)
        if outcome.exit_code in (ExitCode.INTERRUPTED, ExitCode.INTERNAL):
            break
    code = proof({variant: result["exit_code"] for variant, result in results.items()})
    result = {"exit_code": int(code), **results}

    sentence = variants_show(code)

    def say() -> None:
        say_variants(results, sentence, session.report(folder), session.words)

    return session.finish(folder, records, result, Whole("proof", code, sentence), say)


def prove(session: Session, plan: Plan) -> int:
    """Run *plan* as it is and once more with a planted leak, and end with whether that was caught."""
    folder = session.empty_folder(plan.name)
    outcome, record = session.run(plan, folder / CONTROL)
    session.say_run(outcome.result, folder / CONTROL)
    control, planted, records = outcome.result, None, [replace(record, title=f"{plan.name} as it is")]
    plant = None if outcome.exit_code in _BROKEN else plant_for(control, folder, read_every=plan.soak.read_every)
    if plant is not None:
        title = f"{plan.name} with a planted leak"
        outcome, record = session.run(plan, folder / PLANTED, title=title, more=plant.environment())
        planted = {
            **outcome.result,
            "planted_bytes_per_hour": plant.bytes_per_hour,
            "planted_share": planted_share(plant, outcome.result["duration_seconds"]),
        }
        session.say_run(planted, folder / PLANTED)
        records.append(replace(record, title=title))
    code, sentence = proven(control, planted)
    result = {"exit_code": int(code), "proof": sentence, CONTROL: control, PLANTED: planted}

    def say() -> None:
        session.words.write(f"proof: {sentence}\nreport: {session.report(folder)}\n")

    return session.finish(folder, records, result, Whole("proof", code, sentence), say)


def compare(session: Session, new: Plan, old: Plan) -> int:
    """Run two versions in turns under their loads, and end with what the new one adds."""
    folder = session.empty_folder(f"{new.name}-against-{old.name}")
    plans = {OLD: old, NEW: new}
    last: dict[str, tuple[Outcome, Record]] = {}
    ended = False
    for number in range(ROUNDS):
        # A B B A: what goes one way all the time, as the weather of a machine does, meets both alike.
        for which in plans if number % 2 == 0 else reversed(plans):
            plan = plans[which]
            turn = None if number == ROUNDS - 1 else plan.soak.duration / ROUNDS
            wish = Wish(resume=number > 0, segment=turn, to_the_end=True)
            title = f"{which}, {number + 1} of {ROUNDS}"
            last[which] = session.run(plan, folder / which, title=title, wish=wish)
            ended = last[which][0].exit_code in _BROKEN
            if ended:
                break
        if ended:
            break
    records = [replace(record, title=f"{which}: {record.title}") for which, (_, record) in last.items()]
    results = {which: outcome.result for which, (outcome, _) in last.items()}
    for which, result in results.items():
        session.say_run(result, folder / which)
    found = difference(results[OLD], results.get(NEW, {}))
    broken = [ExitCode(result["exit_code"]) for result in results.values() if result["exit_code"] in _BROKEN]
    code = first_of([found.exit_code, *broken])
    result = {"exit_code": int(code), "comparison": found.text, "difference": found.as_dict(), **results}

    def say() -> None:
        session.words.write(f"compared: {found.text}\nreport: {session.report(folder)}\n")

    return session.finish(folder, records, result, Whole("compared", code, found.text), say)
