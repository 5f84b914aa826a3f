-- The sections of docs/reference.md, in reading order: title, the page with the
-- details, members. A member is the name of a function or field of `tl`; "Class
-- receiver" for timerlua.Class, whose methods are called on `receiver`; "Class" for
-- a class without methods, or for an alias; "module name" for a separate module.
-- A public name that is not a member of a section is an error.
return {
  { "Forms of arguments", nil, { "Duration", "Instant", "Moment", "Address", "Descriptor" } },
  { "Timers", "timers.md", { "tl.after", "tl.every", "tl.at", "tl.timer",
    "TimerOptions", "Timer timer", "tl.slack" } },
  { "Debounced and throttled functions", "timers.md", { "tl.debounce", "DebounceOptions",
    "tl.throttle", "ThrottleOptions", "Paced paced" } },
  { "Time", "timers.md", { "tl.now", "tl.time", "Clock", "tl.clock" } },
  { "Calendar", "calendar.md", { "tl.schedule", "ScheduleOptions",
    "Schedule schedule", "tl.zone", "Zone zone" } },
  { "Tasks", "tasks.md", { "tl.spawn", "tl.sleep", "tl.defer", "tl.current", "Task task",
    "tl.timeout", "tl.shield", "tl.is_cancelled", "tl.is_timeout", "Interruption",
    "tl.scope", "Scope scope", "tl.channel", "Channel channel",
    "tl.semaphore", "Semaphore semaphore" } },
  { "Stream sockets", "sockets.md", { "tl.listen", "ListenOptions", "tl.connect",
    "ConnectOptions", "ConnectionOptions", "Callbacks", "Connection conn",
    "Listener listener", "ListenerStats" } },
  { "Datagram sockets", "udp.md", { "tl.udp", "UdpOptions", "Udp udp" } },
  { "Names of hosts", "resolve.md", { "tl.resolve", "ResolveOptions" } },
  { "Child processes", "processes.md", { "tl.exec", "ExecOptions", "Process process",
    "Status", "tl.run", "RunOptions", "Result" } },
  { "Streams and files", "streams.md", { "tl.stdin", "tl.stdout", "tl.stderr", "tl.pipe",
    "tl.socketpair", "tl.watch", "Watch watch", "tl.on_file", "FileWatch file_watch" } },
  { "Signals and service managers", "daemon.md", { "tl.signal", "Signal signal", "tl.reload",
    "tl.notify" } },
  { "Events and the end", "program.md", { "tl.on", "Subscription subscription", "tl.stop" } },
  { "Inspecting", "timers.md", { "tl.handles", "Row", "tl.stats", "Stats", "Lateness",
    "tl._VERSION", "module limits" } },
  { "Timer descriptors", "byhand/timerfd.md", { "module timerfd", "Timerfd t",
    "module timerstack" } },
  { "select, poll, epoll and devpoll", "byhand/select.md", { "module select", "Poll p",
    "Epoll ep", "Devpoll dp" } },
  { "kqueue", "byhand/kqueue.md", { "Kqueue kq", "Kevent" } },
  { "Plain sockets", "byhand/plain-sockets.md", { "module socket", "Socket s" } },
}
