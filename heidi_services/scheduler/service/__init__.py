"""The scheduler's use cases. A run passes through these modules:

1. dispatch.py: a slot is due. misfire.py decides whether it runs.
2. runs/run_creation.py: overlap_policy.py decides whether the run is due, waits or is skipped. run_storage.py inserts
   its row and emits `schedule.execute`, whose message wakes a worker. manual_runs.py and backfill.py start here, too.
3. runs/reaper.py: `overdue_runs` repeats a wake-up message that was lost; `reap_expired` ends attempts whose lease
   has expired.
4. runs/executor.py: a worker claims runs (run_claim.py, execution_lock.py) and performs their schedules' actions.
5. runs/run_results.py: success, another attempt, or failure. run_recording.py writes it with everything that follows.
6. runs/request_replies.py: a run whose action was a request to another service ends with that service's reply.
"""
