"""The fault suite: whole houses whose processes are killed, frozen and failed, and a checker that looks from outside.

    python -m tests.faults [--only TEXT] [--runs N] [--fast] [--list]

Every case runs Jobs under a fault until they are at rest. Then the checker (`checker.py`) compares what the mail
receiver, the Cloud and the dashboard have written down, by SQL of its own, with the invariants the product promises.
The table says for each case how often it ran, what it violated, and for how long it brought a Job to a stop.

To write a case:

    from tests.faults import cases
    from tests.faults.cases import Outcome, case
    from tests.faults.world import PEOPLE, World

    @case("receiver killed while it is sent to", fast=True)
    def receiver_killed(world: World) -> Outcome:
        '''What it does, in a sentence; `--list` shows it.'''
        job = world.launch(PEOPLE)
        world.wait_for(job, "processing")
        world.kill("receiver")
        return world.outcome(job)        # waits until it is at rest; for how long it stood still

`case(name, fast=, alone=, house=)` registers it; put the module's name into `cases.MODULES`.

- `alone` (the default): nothing else happens in the house meanwhile. `alone=False`: up to `cases.SIDE_BY_SIDE` cases
  run at once, in threads; every helper of `World` may be called from any thread.
- `house`: the name of a house in `houses.HOUSES`, "usual" (default leases) or "hasty" (leases of 4 seconds). Cases of
  one house share it. A house of another kind is one more entry: a context manager that is given a folder and yields
  a started `World`; before it starts and after it ended it may do what it likes (start a proxy, set a clock).
- A case whose fault did not happen raises `cases.NotReached`, and has failed. So has one that raises anything else.
- `Outcome(jobs, recovery, limit)`: the Jobs the case made; the longest time in which one of them stood still (no
  count, no state, no acceptance) although it had something to do, in seconds (None: not measured); how long is
  allowed (None: any). `world.outcome(*jobs)` makes one, with 30 s allowed; say `limit=None` where the fault lasts.
- Jobs must come to an end (Completed or Failed): resume or cancel what you paused. The checker asserts it.

`World` (world.py): what a case can do.

    launch(kind) -> job           a person presses Launch (HTTP, repeated with the same token until it is answered)
    ask(job, "pause")             a person asks (HTTP, repeated until the Ask is stored); `resume`, `cancel` likewise
    state(job), wait_for(job, *states, within=120), wait_until_rest(*jobs, within=150), outcome(*jobs)
    launch_again(job) -> job      the same for a second campaign, to the same people (of a kind that has one: REGULARS)
    unsubscribe(job), visit(job)  a recipient follows the links of a mail that was accepted
    suppress(address)             an admin puts it on the suppression list; `unsuppress` takes it off
    arm(place, action, skip=0, about=job)   an order for a failpoint, to be obeyed at work on this Job (None: on any);
                                  done(place): pids that obeyed; await_done(place) -> pid
    processes(name) -> [pid]      by the names of `staff.NAMES`; "cloud worker 1 child" are what it forked
    kill(name), stop(name), cont(pid)
    fault(who, windows=0, messages=0)   note a fault of your own, and how many windows of intents (a sender that died)
                                  or messages (a line that was cut after the dot) it may leave Unknown (invariant 7)
    dashboard(sql, *values), cloud(sql, *values)   rows; repeated while the database is away
    accepted(job)                 recipients in the receiver's journal, in order
    check(*jobs) -> [Violation]   the checker, on these Jobs (none: on everything)

Kinds of campaign (each campaign is launched once, has addresses, a sender and a notification address of its own; for
one of 120 people the Template fails): PEOPLE (120 people in 3 batches, 18 of whom meet the receiver's faults), BRIEF
and SLOW (the same; the warehouse thinks for one second, or for four), STEADY (100 people, limited to 5 a second: it is
Processing for seventeen seconds), MANY (1,000 people), REGULARS (120 people, twelve of whom are refused at first, for
two campaigns), LATE (60 people, ten of whom are refused for now again and again), NOBODY (an Audience without rows).
"""
