"""The words of the daemon: ids, jobs, queues, printers, principals, errors. No I/O, no policy."""
