// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.terminal;

import org.eclipse.jdt.annotation.NonNullByDefault;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.eclipse.core.runtime.CoreException;
import org.snapback.core.Failure;

/**
 * A pseudo-terminal: this process holds the controlling side, a program runs on the other.
 *
 * <p>Set up for a console that shows what the user types by itself: the terminal does not echo, and lines end in a
 * newline alone. Closing it hangs up the program's side.
 */
@NonNullByDefault({}) // the streams it gives out redefine unannotated methods
public final class PseudoTerminal implements AutoCloseable {

    private static final int COLUMNS = 80;
    private static final int ROWS = 24;

    // struct termios, of which only two of the flag words are touched.
    private static final int TERMIOS_SIZE = 128;
    private static final int OUTPUT_FLAGS = 4;
    private static final int LOCAL_FLAGS = 12;
    private static final int ONLCR = 04;
    private static final int ECHO = 010;

    private static final int NAME_SIZE = 128;

    private final Descriptor descriptor;
    private final String path;
    private final FirstOutput first = new FirstOutput();

    private PseudoTerminal(Descriptor descriptor, String path) {
        this.descriptor = descriptor;
        this.path = path;
    }

    /** @throws CoreException with NO_TERMINAL */
    public static PseudoTerminal open() throws CoreException {
        try {
            int fd = Libc.C.posix_openpt(Libc.O_RDWR | Libc.O_NOCTTY | Libc.O_CLOEXEC);
            check(fd, "posix_openpt");
            Descriptor descriptor = new Descriptor(fd);
            try {
                return setUp(descriptor);
            } catch (IOException e) {
                descriptor.close();
                throw e;
            }
        } catch (IOException e) {
            throw Failure.NO_TERMINAL.exception(
                    "No pseudo-terminal can be made for the console (" + e.getMessage()
                            + "). Close some programs, and see that /dev/pts is mounted.",
                    e);
        }
    }

    private static PseudoTerminal setUp(Descriptor descriptor) throws IOException {
        int fd = descriptor.number();
        check(Libc.C.grantpt(fd), "grantpt");
        check(Libc.C.unlockpt(fd), "unlockpt");
        byte[] name = new byte[NAME_SIZE];
        if (Libc.C.ptsname_r(fd, name, new NativeLong(NAME_SIZE)) != 0) {
            throw Descriptor.failure("ptsname_r");
        }
        PseudoTerminal terminal = new PseudoTerminal(descriptor, Native.toString(name));
        try (Memory termios = new Memory(TERMIOS_SIZE)) {
            check(Libc.C.tcgetattr(fd, termios), "tcgetattr");
            termios.setInt(OUTPUT_FLAGS, termios.getInt(OUTPUT_FLAGS) & ~ONLCR);
            termios.setInt(LOCAL_FLAGS, termios.getInt(LOCAL_FLAGS) & ~ECHO);
            check(Libc.C.tcsetattr(fd, Libc.TCSANOW, termios), "tcsetattr");
        }
        terminal.resize(COLUMNS, ROWS);
        return terminal;
    }

    private static void check(int result, String call) throws IOException {
        if (result < 0) {
            throw Descriptor.failure(call);
        }
    }

    /** The program's side: "/dev/pts/7". */
    public String path() {
        return path;
    }

    /** Tells the program how large its window is. */
    public void resize(int columns, int rows) throws IOException {
        try (Memory size = new Memory(8)) {
            size.clear();
            size.setShort(0, (short) rows);
            size.setShort(2, (short) columns);
            check(Libc.C.ioctl(descriptor.number(), Libc.TIOCSWINSZ, size), "TIOCSWINSZ");
        }
    }

    /** What the program writes. It ends when nobody has the program's side open, or after {@link #drain()}. */
    public InputStream input() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                Objects.checkFromIndexSize(offset, length, target.length);
                return length == 0 ? 0 : readNoting(target, offset, length);
            }

            @Override
            public void close() {
                PseudoTerminal.this.close();
            }
        };
    }

    private int readNoting(byte[] target, int offset, int length) throws IOException {
        int count = -1;
        try {
            count = descriptor.read(target, offset, length);
            return count;
        } finally {
            if (count < 0) {
                first.end();
            } else {
                first.add(target, offset, count);
            }
        }
    }

    FirstOutput firstOutput() {
        return first;
    }

    /** What the user types. Closing it does nothing: the terminal stays open for the output. */
    public OutputStream output() {
        return new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] source, int offset, int length) throws IOException {
                Objects.checkFromIndexSize(offset, length, source.length);
                for (int done = 0; done < length; ) {
                    done += descriptor.write(source, offset + done, length - done);
                }
            }
        };
    }

    /** Lets the reader have what is there already, and then the end, even if some process keeps its side open. */
    public void drain() {
        descriptor.wake();
    }

    @Override
    public void close() {
        descriptor.close();
        first.end();
    }

    /** The bytes that a user types to interrupt: the program in front gets SIGINT. */
    public static byte[] interruptKey() {
        return "\u0003".getBytes(StandardCharsets.US_ASCII);
    }
}
