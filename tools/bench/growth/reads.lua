-- Each request has a random one of the tokens in the file TOKENS, of 43 characters each.
local tokens, count
local seed = 0

function setup(thread)
  seed = seed + 1
  thread:set('seed', seed)
end

function init()
  local file = assert(io.open(os.getenv('TOKENS'), 'rb'))
  tokens = file:read('*a')
  file:close()
  count = #tokens / 43
  math.randomseed(os.time() * 10 + seed)
  head = 'GET ' .. wrk.path .. ' HTTP/1.1\r\nHost: sana.example\r\nCookie: __Host-sana_session='
end

function request()
  local offset = math.random(0, count - 1) * 43
  return head .. tokens:sub(offset + 1, offset + 43) .. '\r\n\r\n'
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"per_second": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "failed": %d}\n',
    summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
