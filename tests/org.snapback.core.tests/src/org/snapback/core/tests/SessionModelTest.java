// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.snapback.core.AutoSettings;
import org.snapback.core.Place;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.SessionKind;
import org.snapback.core.SessionState;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.TakeSnapshotOperation;
import org.snapback.core.protocol.DeleteReport;
import org.snapback.core.protocol.Done;
import org.snapback.core.protocol.Ended;
import org.snapback.core.protocol.Event;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.RewindReport;
import org.snapback.core.protocol.SnapshotList;
import org.snapback.core.protocol.StateChanged;
import org.snapback.core.protocol.Status;

/** What a session's model makes of the messages of a supervisor, whatever their order. */
@Timeout(30)
class SessionModelTest {

    private final BlockingQueue<SessionChange> changes = new LinkedBlockingQueue<>();

    @Test
    void tellsAChangeOnceThoughEventAndReplyBothBringIt() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    Request take = s.read();
                    s.event(Event.newBuilder().setTaken(snapshot(2, "new", 1)));
                    s.reply(Reply.newBuilder().setId(take.getId()).setSnapshot(snapshot(2, "new", 1)));
                    s.event(Event.newBuilder().setTaken(snapshot(2, "new", 1)));
                    s.event(Event.newBuilder().setEnded(Ended.newBuilder().setExitStatus(3)));
                });
                Session session = follow(supervisor)) {
            Snapshot taken = new TakeSnapshotOperation(session, "new").execute(null);
            assertEquals(new SessionChange.Taken(taken), next());
            assertEquals(new SessionChange.Ended(3, 0), next());
        }
    }

    @Test
    void followsRenamesUpdatesAndDeletions() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    s.event(Event.newBuilder().setRenamed(snapshot(1, "renamed", 0)));
                    s.event(Event.newBuilder()
                            .setUpdated(snapshot(1, "renamed", 0).setThreads(4)));
                    s.event(Event.newBuilder().setTaken(snapshot(2, "", 1)));
                    s.event(Event.newBuilder().setDeleted(DeleteReport.newBuilder().addSnapshot(2)));
                    s.event(Event.newBuilder().setUpdated(snapshot(2, "late", 1)));
                    s.event(Event.newBuilder().setDeleted(DeleteReport.newBuilder().addSnapshot(99)));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            assertEquals("renamed", ((SessionChange.Renamed) next()).snapshot().name());
            assertEquals(4, ((SessionChange.Updated) next()).snapshot().threads());
            assertInstanceOf(SessionChange.Taken.class, next());
            assertEquals(new SessionChange.Deleted(List.of(2L)), next());
            assertEquals(
                    List.of(1L), session.snapshots().stream().map(Snapshot::id).toList());
            assertEquals(1, session.currentSnapshot());
        }
    }

    @Test
    void followsStateSettingsAndRewinds() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    s.event(Event.newBuilder().setState(state(org.snapback.core.protocol.SessionState.SESSION_STATE_STOPPED)));
                    s.event(Event.newBuilder().setAuto(auto(true, 5)));
                    s.event(Event.newBuilder().setRewound(RewindReport.newBuilder()
                            .setSnapshot(1)
                            .setDurationUs(1500)
                            .addNote("a note")));
                    s.event(Event.newBuilder().setState(state(org.snapback.core.protocol.SessionState.UNRECOGNIZED)));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            assertEquals(new SessionChange.StateChanged(SessionState.STOPPED, 1), next());
            assertEquals(new SessionChange.AutoChanged(new AutoSettings(true, 5)), next());
            org.snapback.core.RewindReport report = ((SessionChange.Rewound) next()).report();
            assertEquals(1500, report.duration().toNanos() / 1000);
            assertEquals(List.of("a note"), report.notes());
            assertEquals(SessionState.UNKNOWN, ((SessionChange.StateChanged) next()).state());
            assertEquals(SessionState.UNKNOWN, session.state());
        }
    }

    @Test
    void keepsTellingTheOthersWhenOneListenerFails() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    s.event(Event.newBuilder().setAuto(auto(true, 5)));
                    s.awaitEnd();
                });
                Session session = Session.connect(supervisor.socket(), "test")) {
            session.addListener((s, change) -> {
                throw new IllegalStateException("a listener that fails, as this test wants it");
            });
            session.addListener((s, change) -> changes.add(change));
            supervisor.go();
            assertInstanceOf(SessionChange.AutoChanged.class, next());
        }
    }

    @Test
    void takesInNumbersBeyondAllReason() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    s.event(Event.newBuilder()
                            .setUpdated(snapshot(1, "x", -1)
                                    .setPauseUs(-1)
                                    .setMemoryBytes(-1)
                                    .setTakenMs(Long.MAX_VALUE)
                                    .setThreads(-1)));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            assertInstanceOf(SessionChange.Renamed.class, next());
            assertEquals(SessionState.RUNNING, session.state());
        }
    }

    @Test
    void labelsAPlaceByTheMostThatIsKnown() {
        assertEquals("transfer() bank.c:42", new Place("transfer", "/src/bank.c", 42, 0x401000, "").label());
        assertEquals("transfer()", new Place("transfer", "", 0, 0x401000, "").label());
        assertEquals("bank.c:42", new Place("", "bank.c", 42, 0, "").label());
        assertEquals("0x401000", new Place("", "", 0, 0x401000, "").label());
        assertEquals("", Place.UNKNOWN.label());
    }

    /** The script goes on once somebody listens. */
    private Session follow(ScriptedSupervisor supervisor) throws Exception {
        Session session = Session.connect(supervisor.socket(), "test 0.1.0");
        session.addListener((s, change) -> changes.add(change));
        supervisor.go();
        assertEquals(SessionKind.DEBUGGER, session.kind());
        return session;
    }

    private SessionChange next() throws InterruptedException {
        SessionChange change = changes.poll(10, TimeUnit.SECONDS);
        if (change == null) {
            throw new AssertionError("no change came");
        }
        return change;
    }

    /** Answers what every session asks first: hello, subscribe, status, list; then waits until someone listens. */
    private static void load(ScriptedSupervisor s) throws IOException {
        s.welcome();
        s.reply(Reply.newBuilder().setId(s.read().getId()).setDone(Done.getDefaultInstance()));
        Status status = Status.newBuilder()
                .setName("scripted-1")
                .setKind(org.snapback.core.protocol.SessionKind.SESSION_KIND_DEBUGGER)
                .setState(org.snapback.core.protocol.SessionState.SESSION_STATE_RUNNING)
                .setCurrentSnapshot(1)
                .build();
        s.reply(Reply.newBuilder().setId(s.read().getId()).setStatus(status));
        s.reply(Reply.newBuilder()
                .setId(s.read().getId())
                .setList(SnapshotList.newBuilder().addSnapshot(snapshot(1, "", 0)).setCurrentSnapshot(1)));
        s.awaitGo();
    }

    private static org.snapback.core.protocol.Snapshot.Builder snapshot(long id, String name, long parent) {
        return org.snapback.core.protocol.Snapshot.newBuilder()
                .setId(id)
                .setName(name)
                .setParent(parent)
                .setThreads(1);
    }

    private static org.snapback.core.protocol.AutoSettings auto(boolean enabled, int cap) {
        return org.snapback.core.protocol.AutoSettings.newBuilder()
                .setEnabled(enabled)
                .setCap(cap)
                .build();
    }

    private static StateChanged state(org.snapback.core.protocol.SessionState state) {
        int number = state == org.snapback.core.protocol.SessionState.UNRECOGNIZED ? 4711 : state.getNumber();
        return StateChanged.newBuilder()
                .setStateValue(number)
                .setCurrentSnapshot(1)
                .build();
    }
}
