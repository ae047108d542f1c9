// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.program.NativeProgram;
import org.snapback.core.program.SessionCommand;
import org.snapback.core.program.SessionConnector;
import org.snapback.core.program.SessionSockets;
import org.snapback.core.terminal.TerminalProcess;

/** A real session of a program that counts on its terminal, one number a line. */
final class LaunchedSession implements AutoCloseable {

    static final List<String> COUNTER =
            List.of("/usr/bin/perl", "-e", "$| = 1; while (1) { print ++$i, qq(\\n); select undef, undef, undef, 0.02 }");

    private final Path socket;
    private final TerminalProcess process;
    private final BufferedReader output;
    private final Session session;
    private final BlockingQueue<SessionChange> changes = new LinkedBlockingQueue<>();

    LaunchedSession() throws CoreException {
        this(COUNTER);
    }

    LaunchedSession(List<String> program) throws CoreException {
        socket = SessionSockets.free("core-test");
        List<String> command = SessionCommand.launch(NativeProgram.locate(), socket)
                .endOfOptions()
                .words(program)
                .toList();
        process = TerminalProcess.start(command, Map.of("PATH", "/usr/bin:/bin"), Path.of("/tmp"));
        output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        session = new SessionConnector("test 0.1.0")
                .await(socket, process::isAlive, Duration.ofSeconds(20), new NullProgressMonitor())
                .orElseThrow();
        session.addListener((s, change) -> changes.add(change));
    }

    Session session() {
        return session;
    }

    Path socket() {
        return socket;
    }

    TerminalProcess process() {
        return process;
    }

    /** The next number that the program prints. */
    int count() throws IOException {
        return Integer.parseInt(output.readLine());
    }

    /** Reads numbers until one is at least that large. */
    void countTo(int number) throws IOException {
        while (count() < number) {
            continue;
        }
    }

    /** Reads numbers until one is smaller than that. */
    int countBelow(int number) throws IOException {
        int count = count();
        while (count >= number) {
            count = count();
        }
        return count;
    }

    /** The next change of that kind; others are passed over. */
    <T extends SessionChange> T next(Class<T> kind) throws InterruptedException {
        return next(kind, change -> true);
    }

    <T extends SessionChange> T next(Class<T> kind, Predicate<T> wanted) throws InterruptedException {
        while (true) {
            SessionChange change = changes.poll(20, TimeUnit.SECONDS);
            assertTrue(change != null, "no " + kind.getSimpleName() + " came");
            if (kind.isInstance(change) && wanted.test(kind.cast(change))) {
                return kind.cast(change);
            }
        }
    }

    @Override
    public void close() throws InterruptedException, IOException {
        process.destroyForcibly();
        process.waitFor();
        process.terminal().close();
        Files.deleteIfExists(socket);
    }
}
