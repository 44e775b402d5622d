// pg-boss on PostgreSQL: one process, eight workers with batches of 200.
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { CONTENT, enqueue, options, prepare, report, waitUntilDone } from './jobs.mjs'

const { database, count } = options()
const pool = new pg.Pool({ connectionString: database, max: 16 })
await prepare(pool)
const boss = new PgBoss({ connectionString: database, schema: 'peer_pgboss' })
await boss.start()
await boss.createQueue('complete')
await boss.deleteAllJobs('complete')
const complete = async (jobs) => {
  await pool.query('UPDATE peer_jobs SET done_at = now() WHERE id = ANY($1)', [jobs.map((job) => job.data.id)])
}
for (let worker = 0; worker < 8; worker++) {
  await boss.work('complete', { batchSize: 200, pollingIntervalSeconds: 0.5 }, complete)
}
const [started, before] = [performance.now(), process.cpuUsage()]
await enqueue(count, async (id) => {
  await pool.query('INSERT INTO peer_jobs (id, content) VALUES ($1, $2)', [id, CONTENT])
  await boss.send('complete', { id })
})
const accepted = performance.now() - started
const completed = await waitUntilDone(pool, count, started)
await boss.stop({ graceful: false })
await pool.end()
report(count, accepted, completed, before)
process.exit(0)
