// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.snapback.core.Failure;
import org.snapback.core.RewindReport;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.SessionKind;
import org.snapback.core.SessionState;
import org.snapback.core.SessionStatus;
import org.snapback.core.Sessions;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.AutoSnapshotsOperation;
import org.snapback.core.operations.DeleteSnapshotsOperation;
import org.snapback.core.operations.KillSessionOperation;
import org.snapback.core.operations.RenameSnapshotOperation;
import org.snapback.core.operations.RewindOperation;
import org.snapback.core.operations.TakeSnapshotOperation;

/** Every verb against the native supervisor and a real program, and the model that follows it. */
@Timeout(60)
class SessionTest {

    @Test
    void knowsTheFactsOfARunningProgram() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            SessionStatus status = launched.session().status();
            assertEquals(SessionKind.PROGRAM, status.kind());
            assertEquals(SessionState.RUNNING, launched.session().state());
            assertEquals(LaunchedSession.COUNTER, status.command());
            assertEquals("/tmp", status.workingDirectory());
            assertTrue(ProcessHandle.of(status.programHostPid()).orElseThrow().isAlive());
            assertTrue(Duration.between(status.started(), Instant.now()).toMinutes() < 1);
            assertEquals(launched.session().name() + ".sock", launched.socket().getFileName().toString());
        }
    }

    @Test
    void takesASnapshotAndRewindsToIt() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            Session session = launched.session();
            launched.countTo(5);
            Snapshot taken = new TakeSnapshotOperation(session, "five").execute(null);
            assertEquals("five", taken.name());
            assertEquals(1, taken.threads());
            assertEquals(List.of(taken), session.snapshots());
            assertEquals(taken.id(), session.currentSnapshot());
            assertEquals(taken, launched.next(SessionChange.Taken.class).snapshot());

            int before = launched.count();
            launched.countTo(before + 40);
            RewindReport report = new RewindOperation(session, taken.id()).execute(new NullProgressMonitor());
            assertEquals(taken.id(), report.snapshot());
            assertEquals(report, launched.next(SessionChange.Rewound.class).report());
            int after = launched.countBelow(before + 20);
            assertEquals(after + 1, launched.count());
        }
    }

    @Test
    void rewindsToTheLastOneWhenNoneIsNamed() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            new TakeSnapshotOperation(launched.session(), "").execute(null);
            Snapshot last = new TakeSnapshotOperation(launched.session(), "").execute(null);
            assertEquals("Snapshot 2", last.label());
            assertEquals(Optional.of(last), launched.session().lastSnapshot());
            assertEquals(
                    last.id(),
                    new RewindOperation(launched.session(), 0).execute(null).snapshot());
        }
    }

    @Test
    void followsWhatAnotherClientDoes() throws Exception {
        try (LaunchedSession launched = new LaunchedSession();
                Session other = Session.connect(launched.socket(), "other 0.1.0")) {
            assertNotSame(launched.session(), other);
            Snapshot taken = new TakeSnapshotOperation(other, "").execute(null);
            launched.next(SessionChange.Taken.class, change -> change.snapshot().id() == taken.id());
            Snapshot named = new RenameSnapshotOperation(other, taken.id(), "before the bug").execute(null);
            assertEquals("before the bug", named.label());
            launched.next(
                    SessionChange.Renamed.class,
                    change -> change.snapshot().name().equals("before the bug"));
            assertEquals("before the bug", launched.session().snapshot(taken.id()).orElseThrow().name());
            new RewindOperation(other, taken.id()).execute(null);
            assertEquals(
                    taken.id(),
                    launched.next(SessionChange.Rewound.class).report().snapshot());
            assertEquals(List.of(taken.id()), DeleteSnapshotsOperation.all(other).execute(null));
            assertEquals(
                    List.of(taken.id()),
                    launched.next(SessionChange.Deleted.class).snapshots());
            assertEquals(List.of(), launched.session().snapshots());
        }
    }

    @Test
    void loadsTheSnapshotsThatAreThereAlready() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            new TakeSnapshotOperation(launched.session(), "a").execute(null);
            new TakeSnapshotOperation(launched.session(), "b").execute(null);
            try (Session later = Session.connect(launched.socket(), "later 0.1.0")) {
                assertEquals(
                        List.of("a", "b"),
                        later.snapshots().stream().map(Snapshot::name).toList());
                assertEquals(2, later.currentSnapshot());
                assertEquals(1, later.snapshots().get(1).parent());
            }
        }
    }

    @Test
    void deletesChosenSnapshotsOnly() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            Session session = launched.session();
            for (String name : List.of("a", "b", "c")) {
                new TakeSnapshotOperation(session, name).execute(null);
            }
            assertEquals(List.of(1L, 3L), new DeleteSnapshotsOperation(session, List.of(1L, 3L)).execute(null));
            assertEquals(List.of("b"), session.snapshots().stream().map(Snapshot::name).toList());
        }
    }

    @Test
    void refusesSnapshotsAtEveryStopWhereNothingStops() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            CoreException refused = assertThrows(
                    CoreException.class,
                    () -> AutoSnapshotsOperation.enable(launched.session(), true).execute(null));
            assertEquals(
                    Failure.BAD_REQUEST, Failure.of(refused.getStatus()).orElseThrow());
            assertFalse(launched.session().auto().enabled());
        }
    }

    @Test
    void saysWhatIsWrongWithARequest() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            CoreException missing = assertThrows(
                    CoreException.class, () -> new RewindOperation(launched.session(), 99).execute(null));
            assertEquals(Failure.NO_SUCH_SNAPSHOT, Failure.of(missing.getStatus()).orElseThrow());
            assertTrue(missing.getMessage().contains("99"), missing.getMessage());
            assertTrue(launched.count() > 0, "the program goes on");
        }
    }

    @Test
    void doesNothingWhenItWasCancelledBefore() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            NullProgressMonitor cancelled = new NullProgressMonitor();
            cancelled.setCanceled(true);
            assertThrows(
                    OperationCanceledException.class,
                    () -> new TakeSnapshotOperation(launched.session(), "").execute(cancelled));
            assertEquals(0, launched.session().status().snapshots());
        }
    }

    @Test
    void endsASessionWithAllThatIsInIt() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            Session session = launched.session();
            assertSame(session, Sessions.get().find(launched.socket()).orElseThrow());
            new TakeSnapshotOperation(session, "").execute(null);
            ProcessHandle program =
                    ProcessHandle.of(session.status().programHostPid()).orElseThrow();
            new KillSessionOperation(session).execute(null);
            launched.next(SessionChange.Ended.class);
            launched.process().waitFor();
            program.onExit().get(10, TimeUnit.SECONDS);
            assertFalse(session.isOpen());
            assertEquals(List.of(), session.snapshots());
            assertTrue(Sessions.get().find(launched.socket()).isEmpty());
            assertFalse(Files.exists(launched.socket()));
            CoreException over = assertThrows(
                    CoreException.class, () -> new TakeSnapshotOperation(session, "").execute(null));
            assertEquals(Failure.DISCONNECTED, Failure.of(over.getStatus()).orElseThrow());
        }
    }

    @Test
    void tellsHowTheProgramEnded() throws Exception {
        try (LaunchedSession launched = new LaunchedSession(List.of("/bin/sh", "-c", "read line; exit 5"))) {
            launched.process().getOutputStream().write('\n');
            assertEquals(5, launched.next(SessionChange.Ended.class).exitStatus());
            assertEquals(5, launched.process().waitFor());
        }
    }

    @Test
    void noticesThatTheSupervisorWasKilled() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            ProcessHandle.of(launched.session().status().supervisorPid())
                    .orElseThrow()
                    .destroyForcibly();
            launched.next(SessionChange.Ended.class);
            assertEquals(SessionState.ENDED, launched.session().state());
            launched.process().waitFor();
        }
    }
}
