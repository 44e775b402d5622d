// What jobs.py is for Python: arguments, the table, and the report.
export function options() {
  const given = Object.fromEntries(process.argv.slice(2).map((word, i, all) => [word.replace(/^--/, ''), all[i + 1]]))
  return { database: given.database, count: Number(given.count ?? 2000) }
}

export const CONTENT = 'The train leaves from platform 9. '.repeat(4)
const CLIENTS = 16

// Calls `add` for each number, from as many concurrent clients as the benchmark of single POSTs has.
export async function enqueue(count, add) {
  let next = 0
  const client = async () => {
    while (next < count) await add(next++)
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
}

export async function prepare(pool) {
  await pool.query(
    'DROP TABLE IF EXISTS peer_jobs; CREATE TABLE peer_jobs (id bigint PRIMARY KEY, content text NOT NULL, done_at timestamptz)',
  )
}

export async function waitUntilDone(pool, count, started) {
  while (performance.now() - started < 120_000) {
    const { rows } = await pool.query('SELECT count(*)::int AS done FROM peer_jobs WHERE done_at IS NOT NULL')
    if (rows[0].done >= count) return performance.now() - started
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('the jobs were not completed in time')
}

// `before` is process.cpuUsage() from before the first job, so that the start is not counted.
export function report(count, accepted, completed, before) {
  const { user, system } = process.cpuUsage(before)
  const rates = { accepted: (count / accepted) * 1000, completed: (count / completed) * 1000 }
  console.log(JSON.stringify({ ...rates, cpu_ms: (user + system) / 1000 / count }))
}
