"""Runs of schedules, from their creation to their result.

run_creation: the rows of new runs; overlap_policy and concurrency decide whether they are due. run_storage: insert
them. manual_runs: start a schedule now. executor: a worker performs actions; run_claim, execution_lock and
outbound_limits say which. run_results: success, another attempt, or failure; run_recording stores it. request_replies:
results of runs that wait for another service. reaper: runs whose message or worker was lost. run_control: cancel runs,
or queue them again.
"""
