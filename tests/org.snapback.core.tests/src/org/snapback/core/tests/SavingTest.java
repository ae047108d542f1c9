// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.snapback.core.Failure;
import org.snapback.core.SaveOptions;
import org.snapback.core.SaveProgress;
import org.snapback.core.SaveReport;
import org.snapback.core.SavedImage;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.DeleteSnapshotsOperation;
import org.snapback.core.operations.SaveSnapshotOperation;
import org.snapback.core.protocol.Compression;
import org.snapback.core.protocol.DeleteReport;
import org.snapback.core.protocol.DeleteRequest;
import org.snapback.core.protocol.Done;
import org.snapback.core.protocol.Error;
import org.snapback.core.protocol.ErrorCode;
import org.snapback.core.protocol.Event;
import org.snapback.core.protocol.Reply;
import org.snapback.core.protocol.Request;
import org.snapback.core.protocol.SaveRequest;
import org.snapback.core.protocol.SnapshotList;
import org.snapback.core.protocol.Status;

/** Saving, as the messages of a supervisor tell of it. */
@Timeout(30)
class SavingTest {

    private static final Path FILE = Path.of("/tmp/images/a.snapback");

    private final BlockingQueue<SessionChange> changes = new LinkedBlockingQueue<>();

    private static void load(ScriptedSupervisor supervisor) throws IOException {
        supervisor.welcome();
        supervisor.reply(Reply.newBuilder().setId(supervisor.read().getId()).setDone(Done.getDefaultInstance()));
        supervisor.reply(Reply.newBuilder().setId(supervisor.read().getId()).setStatus(Status.getDefaultInstance()));
        SnapshotList list = SnapshotList.newBuilder().addSnapshot(snapshot()).build();
        supervisor.reply(Reply.newBuilder().setId(supervisor.read().getId()).setList(list));
    }

    private static org.snapback.core.protocol.Snapshot.Builder snapshot() {
        return org.snapback.core.protocol.Snapshot.newBuilder().setId(1);
    }

    private static Event.Builder progress(long done) {
        return Event.newBuilder()
                .setProgress(org.snapback.core.protocol.SaveProgress.newBuilder()
                        .setSnapshot(1)
                        .setDoneBytes(done)
                        .setTotalBytes(1000));
    }

    private static org.snapback.core.protocol.SaveReport.Builder report() {
        return org.snapback.core.protocol.SaveReport.newBuilder()
                .setSnapshot(1)
                .setPath(FILE.toString())
                .setBytes(500)
                .setMemoryBytes(1000)
                .setDurationUs(2000);
    }

    private Session follow(ScriptedSupervisor supervisor) throws CoreException {
        Session session = Session.connect(supervisor.socket(), "test 0.1.0");
        session.addListener((s, change) -> changes.add(change));
        return session;
    }

    private SessionChange next() throws InterruptedException {
        SessionChange change = changes.poll(20, TimeUnit.SECONDS);
        assertTrue(change != null, "no change came");
        return change;
    }

    /** Hears what a job's progress would show. */
    private static final class Heard extends NullProgressMonitor {
        final List<String> steps = new CopyOnWriteArrayList<>();

        @Override
        public void subTask(String name) {
            if (!name.isEmpty()) {
                steps.add(name);
            }
        }
    }

    @Test
    void savesWithProgressAndLearnsTheFile() throws Exception {
        BlockingQueue<SaveRequest> asked = new LinkedBlockingQueue<>();
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    Request save = s.read();
                    asked.add(save.getSave());
                    s.event(Event.newBuilder().setUpdated(snapshot().setSaving(true)));
                    s.event(progress(250));
                    s.event(progress(1000));
                    s.event(Event.newBuilder()
                            .setUpdated(snapshot().setImage(FILE.toString()).setSavedBytes(500).setSavedMs(7)));
                    s.event(Event.newBuilder()
                            .setProgress(org.snapback.core.protocol.SaveProgress.newBuilder()
                                    .setSnapshot(1)
                                    .setFinished(report())));
                    s.reply(Reply.newBuilder().setId(save.getId()).setSaved(report()));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            Heard heard = new Heard();
            SaveOptions options = new SaveOptions(SaveOptions.Compression.ZSTD, true, true, true);

            SaveReport report = new SaveSnapshotOperation(session, 1, FILE, options).execute(heard);

            assertEquals(new SaveReport(1, FILE, 500, 1000, Duration.ofMillis(2), Optional.empty()), report);
            SaveRequest request = asked.take();
            assertEquals(FILE.toString(), request.getPath());
            assertEquals(Compression.COMPRESSION_ZSTD, request.getCompression());
            assertTrue(request.getKeepFiles() && request.getFull() && request.getWithDebugger());
            assertEquals(List.of("25 %", "100 %"), heard.steps);
            assertTrue(((SessionChange.Updated) next()).snapshot().saving());
            assertEquals(new SessionChange.Saving(new SaveProgress(1, 250, 1000)), next());
            assertEquals(new SessionChange.Saving(new SaveProgress(1, 1000, 1000)), next());
            Snapshot saved = ((SessionChange.Updated) next()).snapshot();
            assertEquals(Optional.of(new SavedImage(FILE, 500, Instant.ofEpochMilli(7))), saved.image());
            assertFalse(saved.saving());
            assertEquals(new SessionChange.SavingEnded(1), next());
            assertEquals(Optional.empty(), session.saving(1));
        }
    }

    @Test
    void knowsHowFarASavingIsThatSomebodyElseAskedFor() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    s.awaitGo();
                    s.event(progress(420));
                    Request status = s.read();
                    s.event(Event.newBuilder()
                            .setProgress(org.snapback.core.protocol.SaveProgress.newBuilder()
                                    .setSnapshot(1)
                                    .setFailed(Error.newBuilder().setText("no space"))));
                    s.reply(Reply.newBuilder().setId(status.getId()).setStatus(Status.getDefaultInstance()));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            supervisor.go();
            next();
            assertEquals(42, session.saving(1).orElseThrow().percent());
            session.status();
            assertEquals(new SessionChange.SavingEnded(1), next());
        }
    }

    @Test
    void cancelsASaving() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    Request save = s.read();
                    s.event(progress(10));
                    Request cancel = s.read();
                    assertEquals(save.getId(), cancel.getCancel().getRequest());
                    s.reply(Reply.newBuilder().setId(cancel.getId()).setDone(Done.getDefaultInstance()));
                    s.reply(Reply.newBuilder()
                            .setId(save.getId())
                            .setError(Error.newBuilder().setCode(ErrorCode.ERROR_CANCELLED).setText("cancelled")));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            NullProgressMonitor monitor = new NullProgressMonitor() {
                @Override
                public void subTask(String name) {
                    if (name.equals("1 %")) {
                        setCanceled(true);
                    }
                }
            };
            SaveSnapshotOperation save = new SaveSnapshotOperation(session, 1, FILE, SaveOptions.DEFAULT);
            assertThrows(OperationCanceledException.class, () -> save.execute(monitor));
        }
    }

    @Test
    void passesOnWhyAFileCouldNotBeWritten() throws Exception {
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    Error full = Error.newBuilder()
                            .setCode(ErrorCode.ERROR_FAILED)
                            .setText("cannot write /tmp/images/a.snapback: no space left on device")
                            .build();
                    s.reply(Reply.newBuilder().setId(s.read().getId()).setError(full));
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            CoreException failure = assertThrows(
                    CoreException.class,
                    () -> new SaveSnapshotOperation(session, 1, FILE, SaveOptions.DEFAULT).execute(null));
            assertTrue(Failure.FAILED.isToldBy(failure.getStatus()));
            assertEquals(
                    "Cannot write /tmp/images/a.snapback: no space left on device.", failure.getStatus().getMessage());
        }
    }

    @Test
    void deletesImagesOnlyWhenAskedTo() throws Exception {
        BlockingQueue<DeleteRequest> asked = new LinkedBlockingQueue<>();
        Predicate<Boolean> asksForImages = wanted -> asked.remove().getImages() == wanted;
        try (ScriptedSupervisor supervisor = new ScriptedSupervisor(s -> {
                    load(s);
                    for (int request = 0; request < 2; request++) {
                        Request delete = s.read();
                        asked.add(delete.getDelete());
                        s.reply(Reply.newBuilder()
                                .setId(delete.getId())
                                .setDeleted(DeleteReport.newBuilder().addSnapshot(1)));
                    }
                    s.awaitEnd();
                });
                Session session = follow(supervisor)) {
            new DeleteSnapshotsOperation(session, List.of(1L)).execute(null);
            assertTrue(asksForImages.test(false));
            new DeleteSnapshotsOperation(session, List.of(1L)).withImages().execute(null);
            assertTrue(asksForImages.test(true));
        }
    }
}
