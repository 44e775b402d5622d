-- wrk script: sends the prepared requests of a file one after the other, and prints the result as one JSON line.
--
-- Argument: FILE. In it, "H<tab>name<tab>value" is a header of every request that follows, all other lines are
-- "METHOD<tab>path[<tab>body]".

local requests, position = {}, 0

function init(args)
    local headers = {}
    for line in io.lines(args[1]) do
        local first, second, third = line:match("^([^\t]*)\t([^\t]*)\t?(.*)$")
        if first == "H" then
            headers[second] = third
        else
            requests[#requests + 1] = wrk.format(first, second, headers, third ~= "" and third or nil)
        end
    end
end

function request()
    position = position % #requests + 1
    return requests[position]
end

function done(summary, latency, _)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"rejected":%d,"failed":%d,"p50":%.3f,"p99":%.3f}\n',
        summary.requests, summary.duration / 1e6, errors.status, failed,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
