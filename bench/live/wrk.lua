-- One line that a program can read, behind what wrk says: microseconds, bytes, counts.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'JSON {"us":%d,"requests":%d,"bytes":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.duration, summary.requests, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
