-- For wrk: GET with the cookies of a file, one after the other. Every server gets Host and Cookie.
-- Arguments: the file, the Host, and additional headers.
local requests, position = {}, 0

function init(args)
  wrk.headers["Host"] = args[2]
  for n = 3, #args do
    local name, value = args[n]:match("^(.-): (.*)$")
    wrk.headers[name] = value
  end
  for line in io.lines(args[1]) do
    wrk.headers["Cookie"] = line
    requests[#requests + 1] = wrk.format("GET")
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d, "refused": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
