/*
 * A library that stands between the service and the operating system (LD_PRELOAD), for the tests of power loss and of
 * failing writes. Of the files below one directory it
 *
 *   - writes down every call that changes something, with its data, before the call returns: whatever a client was told
 *     after a call is behind that call in the trace. The first bytes of every HTTP answer are written down as well, just
 *     before they leave, so that the trace says exactly when something was told;
 *   - fails chosen calls with a chosen error, or ends the process in their place;
 *   - plays a disk with a fixed number of free bytes: what grows beyond them is written short, then fails with ENOSPC;
 *   - makes syncs as slow as those of a real disk.
 *
 * It knows nothing of SQLite, of fits or of the format of any file. Where it is told nothing it only watches. Calls that
 * the service does not make (truncate, link, copy_file_range, io_uring, a second descriptor by dup) are not covered; the
 * test notices, because it holds what the trace comes to against the files that are really there. Memory that is mapped
 * is not seen: SQLite's -shm file, which is made anew after a crash.
 *
 * The environment: POWER_DIRECTORY (absolute, without a slash at the end), POWER_TRACE and POWER_CONTROL (files outside
 * of it). Numbers are in the machine's own order; 64-bit Linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "offsets are passed in one register");

/* What a call is, as bits of `fail_kinds`. */
enum {
    CREATE = 1,
    WRITE = 2,
    RESIZE = 4,
    SYNC = 8,
    RENAME = 16,
    REMOVE = 32,
    DIRECTORY = 64, /* is made */
    SHARED = 128,
    NAMES = 256, /* of a directory, synced */
};

/* The file that the test steers by; the test knows this layout. */
struct control {
    int64_t calls;        /* calls so far that change something; the first has the number 0 */
    int64_t fail_from;    /* calls with numbers from here ... */
    int64_t fail_to;      /* ... to before here fail, if they are of */
    int64_t fail_kinds;   /* these kinds, */
    int64_t fail_errno;   /* with this error; -1 ends the process instead, as kill -9 would */
    int64_t failed;       /* how many have failed */
    int64_t failed_kind;  /* the kind of the first of them */
    int64_t failed_at_ns; /* when that was, by the wall clock */
    int64_t limited;      /* whether the disk has a size */
    int64_t free_bytes;   /* what is left of it */
    int64_t refused;      /* calls that found the disk full */
    int64_t sync_ns;      /* how long a sync takes beyond what it takes */
};

/* What a record says. */
enum { STARTED = 1, OPENED, CLOSED, WRITTEN, RESIZED, SYNCING, SYNCED, SYNC_FAILED, RENAMED, REMOVED, MADE, ANSWERED };

struct record {
    int64_t kind;
    int64_t fd;
    int64_t number; /* an offset, a size, a sync's number, or whether a file was CREATED and EMPTIED by opening it */
    int64_t bytes;  /* of what follows: data or paths */
};

enum { CREATED = 1, EMPTIED = 2 };
enum { FILES_MAX = 65536, HEAD_MAX = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *directory;
static int trace = -1;
static struct control *control;
static int64_t syncs;

/* By descriptor: whether it is of our directory, and how. */
static unsigned char ours[FILES_MAX];
enum { NOT_OURS = 0, OURS = 1, SHARED_MEMORY = 2, APPENDING = 4 };

static void complain(const char *what) {
    fprintf(stderr, "shim: %s\n", what);
    abort();
}

__attribute__((constructor)) static void start(void);

static void note_two(int kind, int fd, int64_t number, const void *one, size_t one_bytes, const void *two,
                     size_t two_bytes) {
    if (trace < 0)
        return;
    struct record record = {kind, fd, number, (int64_t)(one_bytes + two_bytes)};
    struct iovec parts[3] = {{&record, sizeof record}, {(void *)one, one_bytes}, {(void *)two, two_bytes}};
    /* One call a record: the file is opened to append, so that a process that is killed leaves whole records. */
    ssize_t whole = (ssize_t)(sizeof record + one_bytes + two_bytes);
    if (syscall(SYS_writev, trace, parts, 3) != whole)
        complain("the trace cannot be written");
}

static void note(int kind, int fd, int64_t number, const void *data, size_t bytes) {
    note_two(kind, fd, number, data, bytes, NULL, 0);
}

static void start(void) {
    directory = getenv("POWER_DIRECTORY");
    const char *trace_path = getenv("POWER_TRACE"), *control_path = getenv("POWER_CONTROL");
    if (!directory)
        return;
    if (trace_path) {
        trace = (int)syscall(SYS_openat, AT_FDCWD, trace_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (trace < 0)
            complain("the trace cannot be opened");
        note(STARTED, 0, 0, NULL, 0);
    }
    if (control_path) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, control_path, O_RDWR | O_CLOEXEC, 0);
        if (fd < 0)
            complain("the control file cannot be opened");
        control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (control == MAP_FAILED)
            complain("the control file cannot be mapped");
        syscall(SYS_close, fd);
    }
}

static int is_below(const char *path) {
    size_t length = directory ? strlen(directory) : 0;
    return length && !strncmp(path, directory, length) && (path[length] == '/' || path[length] == 0);
}

static int is_shared_memory(const char *path) {
    size_t length = strlen(path);
    return length >= 4 && !strcmp(path + length - 4, "-shm");
}

static int is_ours(int fd) { return fd >= 0 && fd < FILES_MAX && ours[fd]; }

/* Counts a call, and says whether it is one that has to fail; errno is set then. Under the lock. */
static int fails(int kind) {
    if (!control)
        return 0;
    int64_t number = control->calls++;
    if (number < control->fail_from || number >= control->fail_to || !(control->fail_kinds & kind))
        return 0;
    if (!control->failed++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        control->failed_kind = kind;
        control->failed_at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    if (control->fail_errno < 0)
        syscall(SYS_kill, getpid(), SIGKILL);
    errno = (int)control->fail_errno;
    return 1;
}

static int kind_of(int fd, int kind) { return ours[fd] & SHARED_MEMORY ? SHARED : kind; }

static int is_directory(int fd) {
    struct stat about;
    return !fstat(fd, &about) && S_ISDIR(about.st_mode);
}

static int64_t size_of(int fd) {
    struct stat about;
    return fstat(fd, &about) ? 0 : about.st_size;
}

/* Gives back the space of a file that is about to go, if this is its last name. */
static int64_t space_of(const char *path) {
    struct stat about;
    return lstat(path, &about) || !S_ISREG(about.st_mode) || about.st_nlink > 1 ? 0 : about.st_size;
}

static void take(int64_t bytes) {
    if (control && control->limited)
        control->free_bytes -= bytes;
}

/* How many of `bytes` at `offset` find room; none sets errno. */
static size_t room(int fd, size_t bytes, int64_t offset) {
    if (!control || !control->limited || !bytes)
        return bytes;
    int64_t size = size_of(fd), end = offset + (int64_t)bytes;
    int64_t growth = end > size ? end - size : 0;
    int64_t excess = growth - (control->free_bytes > 0 ? control->free_bytes : 0);
    if (excess <= 0)
        return bytes;
    if (excess >= (int64_t)bytes) {
        control->refused++;
        errno = ENOSPC;
        return 0;
    }
    return bytes - (size_t)excess;
}

/* Writes at `offset`, or where the descriptor stands if that is negative. */
static ssize_t put(int fd, const void *data, size_t bytes, int64_t offset) {
    pthread_mutex_lock(&lock);
    ssize_t written = -1;
    size_t fitting;
    if (!fails(kind_of(fd, WRITE))) {
        int64_t at = offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR);
        if (ours[fd] & APPENDING)
            at = size_of(fd);
        fitting = room(fd, bytes, at);
        if (fitting || !bytes) {
            int64_t size = size_of(fd);
            written = offset >= 0 ? syscall(SYS_pwrite64, fd, data, fitting, offset)
                                  : syscall(SYS_write, fd, data, fitting);
            if (written > 0) {
                take(at + written > size ? at + written - size : 0);
                note(WRITTEN, fd, at, data, (size_t)written);
            }
        }
    }
    pthread_mutex_unlock(&lock);
    return written;
}

static ssize_t put_all(int fd, const struct iovec *parts, int count, int64_t offset) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        if (!parts[i].iov_len)
            continue;
        ssize_t written = put(fd, parts[i].iov_base, parts[i].iov_len, offset < 0 ? -1 : offset + total);
        if (written < 0)
            return total ? total : -1;
        total += written;
        if ((size_t)written < parts[i].iov_len)
            break;
    }
    return total;
}

/* An answer that is about to leave. */
static void answers(const void *data, size_t bytes) {
    if (trace < 0 || bytes < 9 || memcmp(data, "HTTP/1.1 ", 9))
        return;
    pthread_mutex_lock(&lock);
    note(ANSWERED, -1, 0, data, bytes < HEAD_MAX ? bytes : HEAD_MAX);
    pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *data, size_t bytes) {
    if (is_ours(fd))
        return put(fd, data, bytes, -1);
    answers(data, bytes);
    return syscall(SYS_write, fd, data, bytes);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags) {
    answers(data, bytes);
    return syscall(SYS_sendto, fd, data, bytes, flags, NULL, 0);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (is_ours(fd))
        return put_all(fd, parts, count, -1);
    if (count > 0)
        answers(parts[0].iov_base, parts[0].iov_len);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) {
    return is_ours(fd) ? put(fd, data, bytes, offset) : syscall(SYS_pwrite64, fd, data, bytes, offset);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) { return pwrite64(fd, data, bytes, offset); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return is_ours(fd) ? put_all(fd, parts, count, offset) : syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(fd, parts, count, offset);
}

int ftruncate64(int fd, off64_t size) {
    if (!is_ours(fd))
        return (int)syscall(SYS_ftruncate, fd, size);
    pthread_mutex_lock(&lock);
    int result = -1;
    int64_t before = size_of(fd);
    if (!fails(kind_of(fd, RESIZE)) && room(fd, size > before ? (size_t)(size - before) : 0, before) + before >= (size_t)size) {
        result = (int)syscall(SYS_ftruncate, fd, size);
        if (!result) {
            take(size - before);
            note(RESIZED, fd, size, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* Space that is reserved is space that is taken: as if the file grew by zeros. */
int fallocate64(int fd, int mode, off64_t offset, off64_t bytes) {
    if (!is_ours(fd))
        return (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
    if (mode) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return offset + bytes > size_of(fd) ? ftruncate64(fd, offset + bytes) : 0;
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) { return fallocate64(fd, mode, offset, bytes); }

int posix_fallocate64(int fd, off64_t offset, off64_t bytes) {
    int before = errno, error = fallocate64(fd, 0, offset, bytes) ? errno : 0;
    errno = before;
    return error;
}

int posix_fallocate(int fd, off_t offset, off_t bytes) { return posix_fallocate64(fd, offset, bytes); }

/* The lock is not held during the sync itself: what is written meanwhile is not part of it. */
static int make_durable(int fd, long call) {
    if (!is_ours(fd))
        return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    int64_t number = ++syncs;
    int failing = fails(is_directory(fd) ? NAMES : SYNC), error = errno;
    note(failing ? SYNC_FAILED : SYNCING, fd, number, NULL, 0);
    pthread_mutex_unlock(&lock);
    if (failing) {
        errno = error;
        return -1;
    }
    if (control && control->sync_ns > 0) {
        struct timespec pause = {0, control->sync_ns};
        nanosleep(&pause, NULL);
    }
    int result = (int)syscall(call, fd);
    if (result)
        return result;
    pthread_mutex_lock(&lock);
    note(SYNCED, fd, number, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return make_durable(fd, SYS_fsync); }

int fdatasync(int fd) { return make_durable(fd, SYS_fdatasync); }

static int open_at(int at, const char *path, int flags, mode_t mode) {
    if (!is_below(path))
        return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat about;
    int missing = stat(path, &about) != 0;
    int creates = missing && flags & O_CREAT, empties = !missing && flags & O_TRUNC && about.st_size > 0;
    int fd = -1;
    if (!(creates || empties) || !fails(is_shared_memory(path) ? SHARED : CREATE)) {
        fd = (int)syscall(SYS_openat, at, path, flags, mode);
        if (fd >= FILES_MAX)
            complain("a descriptor is too large");
        if (fd >= 0) {
            ours[fd] = OURS | (is_shared_memory(path) ? SHARED_MEMORY : 0) | (flags & O_APPEND ? APPENDING : 0);
            if (empties)
                take(-about.st_size);
            note(OPENED, fd, (creates ? CREATED : 0) | (empties ? EMPTIED : 0), path, strlen(path));
        }
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(arguments, int) : 0;
}

#define OPEN_LIKE(name, parameters, at)                                                                                \
    int name parameters {                                                                                              \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = mode_of(flags, arguments);                                                                       \
        va_end(arguments);                                                                                             \
        return open_at(at, path, flags, mode);                                                                         \
    }

OPEN_LIKE(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN_LIKE(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN_LIKE(openat, (int at, const char *path, int flags, ...), at)
OPEN_LIKE(openat64, (int at, const char *path, int flags, ...), at)

int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
    if (!is_ours(fd))
        return (int)syscall(SYS_close, fd);
    pthread_mutex_lock(&lock);
    ours[fd] = NOT_OURS;
    note(CLOSED, fd, 0, NULL, 0);
    int result = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

int renameat(int at, const char *from, int to_at, const char *to) {
    if (!is_below(from) && !is_below(to))
        return (int)syscall(SYS_renameat2, at, from, to_at, to, 0);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(RENAME)) {
        int64_t replaced = space_of(to);
        result = (int)syscall(SYS_renameat2, at, from, to_at, to, 0);
        if (!result) {
            take(-replaced);
            /* The first path with its final NUL, then the second one. */
            note_two(RENAMED, -1, 0, from, strlen(from) + 1, to, strlen(to));
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int at, const char *path, int flags) {
    if (!is_below(path))
        return (int)syscall(SYS_unlinkat, at, path, flags);
    pthread_mutex_lock(&lock);
    int result = -1;
    struct stat about;
    int missing = lstat(path, &about) != 0;
    if (missing || !fails(is_shared_memory(path) ? SHARED : REMOVE)) {
        int64_t removed = space_of(path);
        result = (int)syscall(SYS_unlinkat, at, path, flags);
        if (!result) {
            take(-removed);
            note(REMOVED, -1, 0, path, strlen(path));
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdir(const char *path, mode_t mode) {
    if (!is_below(path))
        return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!fails(DIRECTORY)) {
        result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
        if (!result)
            note(MADE, -1, 0, path, strlen(path));
    }
    pthread_mutex_unlock(&lock);
    return result;
}
