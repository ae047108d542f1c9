// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.Adapters;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunchManager;
import org.eclipse.debug.core.ILaunchesListener;
import org.eclipse.debug.core.model.IDebugTarget;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Failure;
import org.snapback.core.Session;
import org.snapback.core.SessionKind;
import org.snapback.core.SessionState;
import org.snapback.core.Sessions;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.AutoSnapshotsOperation;
import org.snapback.core.operations.RewindOperation;
import org.snapback.core.operations.TakeSnapshotOperation;
import org.snapback.debug.LaunchAttributes;

/** <em>Snapback GDB Session</em>: real gdbs, typed into and read as in the Console view. */
@ExtendWith(NoLoggedErrors.class)
@Timeout(120)
class GdbLaunchTest {

    /** The key that ends what gdb's shell command runs. */
    private static final String INTERRUPT = "\u0003";

    @TempDir
    static Path folder;

    private static Path ticker;

    @BeforeAll
    static void build() throws Exception {
        ticker = Ticker.build(folder);
    }

    @Test
    void startsGdbWithItsConsoleAndItsProgram() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            int at = launched.awaitOutput(0, "Breakpoint 1, tick ()");
            at = launched.awaitOutput(at, "(gdb) ");
            launched.awaitState(SessionState.STOPPED);
            assertEquals(SessionKind.DEBUGGER, launched.session().kind());
            launched.type("print 6 * 7\n");
            at = launched.awaitOutput(at, "$1 = 42\n(gdb) ");
            assertFalse(launched.output().contains("\u001b"), "no escape sequences");
            assertFalse(launched.output().contains("print 6"), "typed text is not echoed");
        }
    }

    @Test
    void standsInTheDebugViewAsATargetThatAdaptsToItsSession() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            launched.awaitState(SessionState.STOPPED);
            IDebugTarget target = launched.launch().getDebugTarget();
            assertTrue(target.isSuspended());
            assertTrue(target.getName().startsWith("ticker-"), target.getName());
            assertSame(launched.session(), Adapters.adapt(target, Session.class));
            assertSame(launched.launch(), target.getLaunch());
            assertSame(launched.process(), target.getProcess());
        }
    }

    @Test
    void rewindsSoThatGdbShowsTheOldState() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            Session session = launched.session();
            launched.awaitState(SessionState.STOPPED);
            int at = launched.awaitOutput(0, "(gdb) ");
            Snapshot snapshot = new TakeSnapshotOperation(session, "start").execute(null);
            assertEquals("tick", snapshot.place().function());
            assertTrue(snapshot.place().file().endsWith("ticker.c"), snapshot.place().file());
            launched.type("continue 5\n");
            at = launched.awaitOutput(at, "Breakpoint 1, tick ()");
            launched.type("print ticks\n");
            at = launched.awaitOutput(at, "= 5\n");
            new RewindOperation(session, snapshot.id()).execute(null);
            launched.awaitState(SessionState.STOPPED);
            launched.type("print ticks\n");
            at = launched.awaitOutput(at, "= 0\n");
            launched.type("continue\n");
            at = launched.awaitOutput(at, "Breakpoint 1, tick ()");
            launched.type("print ticks\n");
            launched.awaitOutput(at, "= 1\n");
        }
    }

    @Test
    void interruptsARunningProgram() throws Exception {
        try (Launched launched = gdb("run")) {
            launched.awaitState(SessionState.RUNNING);
            IDebugTarget target = launched.launch().getDebugTarget();
            assertTrue(target.canSuspend());
            target.suspend();
            launched.awaitOutput(0, "received signal SIGINT");
            launched.awaitState(SessionState.STOPPED);
        }
    }

    @Test
    void takesASnapshotOfARunningProgram() throws Exception {
        try (Launched launched = gdb("run")) {
            launched.awaitState(SessionState.RUNNING);
            Snapshot snapshot = new TakeSnapshotOperation(launched.session(), "").execute(null);
            assertEquals(1, snapshot.threads());
            launched.awaitState(SessionState.RUNNING);
            assertFalse(launched.output().contains("SIG"), launched.output());
        }
    }

    @Test
    void rewindsAfterTheProgramHasExited() throws Exception {
        try (Launched launched = gdb("break tick\nrun", "5")) {
            launched.awaitState(SessionState.STOPPED);
            int at = launched.awaitOutput(0, "(gdb) ");
            Snapshot snapshot = new TakeSnapshotOperation(launched.session(), "").execute(null);
            launched.type("delete 1\ncontinue\n");
            at = launched.awaitOutput(at, "exited with code 03]");
            launched.awaitState(SessionState.EXITED);
            new RewindOperation(launched.session(), snapshot.id()).execute(null);
            launched.awaitState(SessionState.STOPPED);
            launched.type("print ticks\n");
            launched.awaitOutput(at, "= 0\n");
        }
    }

    @Test
    void takesASnapshotAtEveryStop() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            launched.awaitState(SessionState.STOPPED);
            int at = launched.awaitOutput(0, "(gdb) ");
            AutoSnapshotsOperation.keepAtMost(launched.session(), 2).execute(null);
            AutoSnapshotsOperation.enable(launched.session(), true).execute(null);
            for (int i = 0; i < 4; i++) {
                launched.type("continue 30\n");
                at = launched.awaitOutput(at, "Breakpoint 1, tick ()");
                at = launched.awaitOutput(at, "(gdb) ");
            }
            assertEquals(2, launched.session().status().snapshots());
            assertTrue(launched.session().snapshots().stream().allMatch(Snapshot::automatic));
        }
    }

    @Test
    void givesUpWaitingForABusyGdbWhenTheUserCancels() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            launched.awaitState(SessionState.STOPPED);
            int at = launched.awaitOutput(0, "(gdb) ");
            launched.type("shell echo busy; sleep 30\n");
            launched.awaitOutput(at, "busy");
            NullProgressMonitor monitor = new NullProgressMonitor();
            CompletableFuture<Snapshot> taken = CompletableFuture.supplyAsync(() -> take(launched.session(), monitor));
            monitor.setCanceled(true);
            ExecutionException cancelled =
                    assertThrows(ExecutionException.class, () -> taken.get(4, TimeUnit.SECONDS));
            assertInstanceOf(OperationCanceledException.class, cancelled.getCause());
            assertEquals(0, launched.session().status().snapshots());
            launched.type(INTERRUPT);
        }
    }

    private static Snapshot take(Session session, IProgressMonitor monitor) {
        try {
            return new TakeSnapshotOperation(session, "").execute(monitor);
        } catch (CoreException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void saysThatGdbIsBusy() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            launched.awaitState(SessionState.STOPPED);
            int at = launched.awaitOutput(0, "(gdb) ");
            launched.type("shell echo busy; sleep 30\n");
            launched.awaitOutput(at, "busy");
            CoreException busy = assertThrows(
                    CoreException.class, () -> new TakeSnapshotOperation(launched.session(), "").execute(null));
            assertEquals(Failure.BUSY, Failure.of(busy.getStatus()).orElseThrow(), busy.getMessage());
            launched.type(INTERRUPT);
        }
    }

    @Test
    void endsWhenTheUserQuits() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            Path socket = launched.session().socket();
            launched.awaitState(SessionState.STOPPED);
            launched.type("kill\n");
            launched.awaitOutput(0, "(y or n)");
            launched.type("y\nquit\n");
            assertEquals(0, launched.awaitEnd());
            assertTrue(launched.launch().isTerminated());
            assertTrue(Sessions.get().find(socket).isEmpty());
            assertFalse(Files.exists(socket));
        }
    }

    @Test
    void terminatesGdbAndTheProgram() throws Exception {
        try (Launched launched = gdb("break tick\nrun")) {
            launched.awaitState(SessionState.STOPPED);
            ProcessHandle program = ProcessHandle.of(
                            launched.session().status().programHostPid())
                    .orElseThrow();
            launched.launch().terminate();
            launched.awaitEnd();
            program.onExit().get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void saysThatGdbIsMissing() {
        assertSaysThatGdbIsMissing();
    }

    @Test
    void saysThatGdbIsMissingWhereAConsoleHasTakenTheOutput() {
        ILaunchManager launches = DebugPlugin.getDefault().getLaunchManager();
        ILaunchesListener console = new TakingConsole();
        launches.addLaunchListener(console);
        try {
            assertSaysThatGdbIsMissing();
        } finally {
            launches.removeLaunchListener(console);
        }
    }

    private static void assertSaysThatGdbIsMissing() {
        CoreException missing = assertThrows(
                CoreException.class,
                () -> new Launched(LaunchAttributes.GDB_TYPE, ILaunchManager.DEBUG_MODE, configuration -> {
                    configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
                    configuration.setAttribute(LaunchAttributes.GDB, "/no/such/gdb");
                }));
        assertEquals(Failure.START_FAILED, Failure.of(missing.getStatus()).orElseThrow());
        assertTrue(missing.getMessage().contains("/no/such/gdb"), missing.getMessage());
    }

    private static Launched gdb(String commands) throws CoreException {
        return gdb(commands, "");
    }

    private static Launched gdb(String commands, String arguments) throws CoreException {
        return new Launched(LaunchAttributes.GDB_TYPE, ILaunchManager.DEBUG_MODE, configuration -> {
            configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
            configuration.setAttribute(LaunchAttributes.ARGUMENTS, arguments);
            configuration.setAttribute(LaunchAttributes.GDB_COMMANDS, commands);
        });
    }
}
