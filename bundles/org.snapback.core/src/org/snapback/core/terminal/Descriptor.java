// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.terminal;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A file descriptor that several threads read and write, and that one of them closes.
 *
 * <p>Nobody blocks in the kernel on it but in poll(2), where a {@link #wake()} reaches all; so the number is never
 * used after it was closed, when it may already mean another file.
 */
final class Descriptor {

    private static final int POLLFD_SIZE = 8;

    private final int fd;
    private final int[] wakePipe = new int[2];
    private final ReadWriteLock use = new ReentrantReadWriteLock();
    private boolean closed;
    private final AtomicBoolean awake = new AtomicBoolean();

    /** Owns the number from now on, also when this fails. */
    Descriptor(int fd) throws IOException {
        this.fd = fd;
        if (Libc.C.pipe2(wakePipe, Libc.O_CLOEXEC) < 0) {
            IOException failure = failure("pipe2");
            Libc.C.close(fd);
            throw failure;
        }
    }

    int number() {
        return fd;
    }

    /** From now on nobody waits here: what is ready is read and written, then comes the end. */
    void wake() {
        use.readLock().lock();
        try {
            if (!closed && awake.compareAndSet(false, true)) {
                Libc.C.write(wakePipe[1], new Memory(1), new NativeLong(1));
            }
        } finally {
            use.readLock().unlock();
        }
    }

    /** Reads what is there, waiting for the first byte. -1: the end. */
    int read(byte[] target, int offset, int length) throws IOException {
        use.readLock().lock();
        try (Memory buffer = new Memory(length)) {
            if (closed || !ready(Libc.POLLIN)) {
                return -1;
            }
            int count = Libc.C.read(fd, buffer, new NativeLong(length)).intValue();
            if (count < 0) {
                return ended(failureNumber(), "read");
            }
            buffer.read(0, target, offset, count);
            return count == 0 ? -1 : count;
        } finally {
            use.readLock().unlock();
        }
    }

    /** Writes some of it, waiting for room. */
    int write(byte[] source, int offset, int length) throws IOException {
        use.readLock().lock();
        try (Memory buffer = new Memory(length)) {
            if (closed || !ready(Libc.POLLOUT)) {
                throw new IOException("the terminal is closed");
            }
            buffer.write(0, source, offset, length);
            int count = Libc.C.write(fd, buffer, new NativeLong(length)).intValue();
            if (count < 0) {
                throw failure("write");
            }
            return count;
        } finally {
            use.readLock().unlock();
        }
    }

    /** A terminal whose other side is closed answers EIO: that is its end of file. */
    private static int ended(int error, String call) throws IOException {
        if (error == Libc.EIO) {
            return -1;
        }
        throw failure(call, error);
    }

    /** Waits until the descriptor is ready. False: it is not, and {@link #wake()} was called. */
    private boolean ready(short events) throws IOException {
        try (Memory polled = new Memory(2 * POLLFD_SIZE)) {
            polled.clear();
            polled.setInt(0, fd);
            polled.setShort(4, events);
            polled.setInt(POLLFD_SIZE, wakePipe[0]);
            polled.setShort(POLLFD_SIZE + 4, Libc.POLLIN);
            int count = Libc.C.poll(polled, new NativeLong(2), -1);
            while (count < 0 && failureNumber() == Libc.EINTR) {
                count = Libc.C.poll(polled, new NativeLong(2), -1);
            }
            if (count < 0) {
                throw failure("poll");
            }
            return polled.getShort(6) != 0;
        }
    }

    void close() {
        wake();
        use.writeLock().lock();
        try {
            if (!closed) {
                closed = true;
                Libc.C.close(fd);
                Libc.C.close(wakePipe[0]);
                Libc.C.close(wakePipe[1]);
            }
        } finally {
            use.writeLock().unlock();
        }
    }

    private static int failureNumber() {
        return Native.getLastError();
    }

    /** Of the call that was made last on this thread. */
    static IOException failure(String call) {
        return failure(call, failureNumber());
    }

    static IOException failure(String call, int error) {
        return new IOException(call + ": " + Libc.C.strerror(error));
    }
}
