-- What wrk runs besides its own loop: a row for every response, in a file per thread, which wrk.py gathers.
--
-- wrk is started with as many threads as connections, so a thread serves one connection and its responses come one after
-- the other. Without a pause between them, a request's time is the time since the response before it: with the connect,
-- where the server closes after each response, as Locust's latencies have it (wrk's own begin after the connect).
--
-- A row is what Locust's recorder writes, three doubles: start (seconds since the epoch), latency (s), outcome; 0 is the
-- right answer, 1 a wrong length, else the wrong status. Rows are written into a mapping of the file: nothing has to be
-- flushed when wrk stops, and wrk.py can count them meanwhile. The rest of the file is zero.

local ffi = require("ffi")
local C = ffi.C
ffi.cdef [[
  typedef struct { long tv_sec; long tv_nsec; } bench_time;
  int clock_gettime(int clock, bench_time *time);
  int open(const char *path, int flags, ...);
  int posix_fallocate(int fd, long offset, long length);
  void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset);
  int munmap(void *address, size_t length);
]]

-- Its compiler would want memory that is both written and run, which the unit forbids. It is no slower without: measured
-- against nginx, 10 connections, 49 to 54 thousand requests/s either way.
jit.off()

local REALTIME, CREATE_READ_WRITE, READ_WRITE, SHARED = 0, 66, 3, 1
local ROWS, ROW_BYTES = 4096, 24 -- a whole number of pages
local CHUNK = ROWS * ROW_BYTES

local folder = os.getenv("BENCH_OUT_DIR")
local right_status, right_length = tonumber(os.getenv("BENCH_STATUS")), tonumber(os.getenv("BENCH_LENGTH"))
wrk.method = os.getenv("BENCH_METHOD") -- its header comes with the others
if wrk.method == "POST" then wrk.body = os.getenv("BENCH_BODY") end
local now, file, rows, row, offset, last = ffi.new("bench_time[1]"), nil, nil, nil, 0, nil

local function time()
  C.clock_gettime(REALTIME, now)
  return tonumber(now[0].tv_sec) + tonumber(now[0].tv_nsec) * 1e-9
end

local function next_chunk()
  if rows then C.munmap(rows, CHUNK) end
  if C.posix_fallocate(file, offset, CHUNK) ~= 0 then
    io.stderr:write("no space left in " .. folder .. "\n")
    os.exit(1)
  end
  rows = ffi.cast("double *", C.mmap(nil, CHUNK, READ_WRITE, SHARED, file, offset))
  offset, row = offset + CHUNK, 0
end

local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init()
  file = C.open(folder .. "/wrk-" .. number .. ".rows", CREATE_READ_WRITE, ffi.cast("int", 416))
  next_chunk()
  last = time()
end

function response(status, _, body)
  local ended = time()
  if row == 3 * ROWS then next_chunk() end
  rows[row + 1] = ended - last
  if status ~= right_status then
    rows[row + 2] = status
  elseif #body ~= right_length then
    rows[row + 2] = 1
  end
  rows[row] = last
  row = row + 3
  last = ended
end

function done(summary)
  local errors = summary.errors
  local out = io.open(folder .. "/wrk-errors.json", "w")
  out:write(string.format(
    '{"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    errors.connect, errors.read, errors.write, errors.status, errors.timeout
  ))
  out:close()
end
