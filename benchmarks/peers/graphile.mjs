// graphile-worker on PostgreSQL: one process with eight concurrent jobs.
import pg from 'pg'
import { makeWorkerUtils, run } from 'graphile-worker'
import { CONTENT, enqueue, options, prepare, report, waitUntilDone } from './jobs.mjs'

const { database, count } = options()
const pool = new pg.Pool({ connectionString: database, max: 24 })
await prepare(pool)
const utils = await makeWorkerUtils({ pgPool: pool })
await utils.migrate()
const complete = async ({ id }, { withPgClient }) => {
  await withPgClient((client) => client.query('UPDATE peer_jobs SET done_at = now() WHERE id = $1', [id]))
}
const runner = await run({ pgPool: pool, concurrency: 8, pollInterval: 1000, noHandleSignals: true, taskList: { complete } })
const [started, before] = [performance.now(), process.cpuUsage()]
await enqueue(count, async (id) => {
  await pool.query('INSERT INTO peer_jobs (id, content) VALUES ($1, $2)', [id, CONTENT])
  await utils.addJob('complete', { id })
})
const accepted = performance.now() - started
const completed = await waitUntilDone(pool, count, started)
await runner.stop()
await pool.end()
report(count, accepted, completed, before)
process.exit(0)
