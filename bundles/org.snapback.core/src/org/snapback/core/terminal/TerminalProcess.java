// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.terminal;

import org.eclipse.jdt.annotation.NonNullByDefault;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.ptr.IntByReference;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.core.runtime.CoreException;

/**
 * A process that runs on a pseudo-terminal of its own, as the leader of a session with that terminal in control.
 *
 * <p>All output comes by {@link #getInputStream()}, complete up to the process's end. A process ended by a signal has
 * the exit value 128 + its number, as shells have it.
 */
@NonNullByDefault({}) // redefines unannotated methods
public final class TerminalProcess extends Process {

    private static final int SIGNALLED_BASE = 128;
    private static final int SIGINFO_SIZE = 128;

    private final int pid;
    private final PseudoTerminal terminal;
    private final CompletableFuture<Integer> exit = new CompletableFuture<>();
    private final Object reaping = new Object();
    private boolean reaped;

    private TerminalProcess(int pid, PseudoTerminal terminal) {
        this.pid = pid;
        this.terminal = terminal;
    }

    /**
     * Starts a program.
     *
     * @param command the program's absolute path and its arguments
     * @param environment the whole of it
     * @throws CoreException with NO_TERMINAL or START_FAILED
     */
    public static TerminalProcess start(List<String> command, Map<String, String> environment, Path folder)
            throws CoreException {
        PseudoTerminal terminal = PseudoTerminal.open();
        try {
            int pid = TerminalSpawn.spawn(command, environment, folder, terminal.path());
            TerminalProcess process = new TerminalProcess(pid, terminal);
            Thread reaper = new Thread(process::reap, "Snapback process " + pid);
            reaper.setDaemon(true);
            reaper.start();
            return process;
        } catch (CoreException | RuntimeException | LinkageError e) {
            terminal.close();
            throw e;
        }
    }

    private void reap() {
        awaitEnd();
        IntByReference status = new IntByReference();
        synchronized (reaping) {
            Libc.C.waitpid(pid, status, 0);
            reaped = true;
        }
        terminal.drain();
        exit.complete(exitValue(status.getValue()));
    }

    /** Leaves the number in use, so that a signal of ours cannot meanwhile reach a stranger with the same number. */
    private void awaitEnd() {
        try (Memory info = new Memory(SIGINFO_SIZE)) {
            int result;
            do {
                result = Libc.C.waitid(Libc.P_PID, pid, info, Libc.WEXITED | Libc.WNOWAIT);
            } while (result < 0 && Native.getLastError() == Libc.EINTR);
        }
    }

    private static int exitValue(int status) {
        int signal = status & 0x7f;
        return signal == 0 ? status >> 8 & 0xff : SIGNALLED_BASE + signal;
    }

    public PseudoTerminal terminal() {
        return terminal;
    }

    @Override
    public InputStream getInputStream() {
        return terminal.input();
    }

    /**
     * What it has written first, some thousand bytes at most, whoever reads {@link #getInputStream()} and whatever
     * becomes of it there. Waits until that reader has come to the end.
     *
     * @return what there is by then if the reader takes longer than that
     */
    public String firstOutput(Duration patience) throws InterruptedException {
        return terminal.firstOutput().await(patience);
    }

    /** Always empty: errors come through the terminal, in order with all other output. */
    @Override
    public InputStream getErrorStream() {
        return InputStream.nullInputStream();
    }

    @Override
    public OutputStream getOutputStream() {
        return terminal.output();
    }

    @Override
    public int waitFor() throws InterruptedException {
        try {
            return exit.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public boolean waitFor(long timeout, TimeUnit unit) throws InterruptedException {
        try {
            exit.get(timeout, unit);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public int exitValue() {
        if (!exit.isDone()) {
            throw new IllegalThreadStateException("The process " + pid + " has not ended");
        }
        return exit.join();
    }

    @Override
    public boolean isAlive() {
        return !exit.isDone();
    }

    @Override
    public long pid() {
        return pid;
    }

    /** For information only: ended and awaited is the process through this object. */
    @Override
    public ProcessHandle toHandle() {
        return ProcessHandle.of(pid).orElseThrow(() -> new IllegalStateException("The process " + pid + " has ended"));
    }

    @Override
    public CompletableFuture<Process> onExit() {
        return exit.thenApply(value -> this);
    }

    @Override
    public boolean supportsNormalTermination() {
        return true;
    }

    /** SIGTERM, for the program to end in order. */
    @Override
    public void destroy() {
        signal(Libc.SIGTERM);
    }

    @Override
    public Process destroyForcibly() {
        signal(Libc.SIGKILL);
        return this;
    }

    private void signal(int number) {
        synchronized (reaping) {
            if (!reaped) {
                Libc.C.kill(pid, number);
            }
        }
    }
}
