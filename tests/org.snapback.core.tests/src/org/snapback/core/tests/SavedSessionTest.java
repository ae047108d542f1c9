// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.NullProgressMonitor;
import org.eclipse.core.runtime.OperationCanceledException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.SaveOptions;
import org.snapback.core.SaveReport;
import org.snapback.core.SessionChange;
import org.snapback.core.Snapshot;
import org.snapback.core.image.ImageComparison;
import org.snapback.core.image.ImageDescriptor;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.ImageProcess;
import org.snapback.core.image.KnownImage;
import org.snapback.core.image.KnownImages;
import org.snapback.core.operations.DeleteSnapshotsOperation;
import org.snapback.core.operations.SaveSnapshotOperation;
import org.snapback.core.operations.TakeSnapshotOperation;

/** Images of a real program, written by the native supervisor and read in Java. */
@Timeout(60)
class SavedSessionTest {

    @TempDir
    Path folder;

    private SaveReport save(LaunchedSession launched, String name) throws CoreException {
        Snapshot taken = new TakeSnapshotOperation(launched.session(), name).execute(null);
        return new SaveSnapshotOperation(launched.session(), taken.id(), folder, SaveOptions.DEFAULT).execute(null);
    }

    @Test
    void writesAnImageThatTellsOfTheProgram() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            SaveReport report = save(launched, "first");

            ImageFile image = ImageFile.read(report.file());
            assertEquals(report.bytes(), image.bytes());
            assertEquals("first", image.facts().label());
            assertEquals(LaunchedSession.COUNTER, image.facts().command());
            assertEquals(launched.session().name(), image.facts().session());
            ImageProcess program = image.facts().program();
            assertEquals(launched.session().status().programPid(), program.pid());
            assertEquals("/tmp", program.workingDirectory());
            assertTrue(program.executable().endsWith("/perl"), program.executable());
            assertTrue(program.mappings().stream().anyMatch(m -> m.name().equals("[stack]") && m.storedBytes() > 0));
            assertTrue(program.threads().get(0).registers().get("rsp") == program.threads().get(0).sp());
            assertEquals(
                    ImageDescriptor.Kind.TERMINAL, program.descriptors().get(0).kind());
            image.verify(null);
        }
    }

    @Test
    void learnsThatItIsSaved() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            SaveReport report = save(launched, "");

            SessionChange.Updated saved = launched.next(
                    SessionChange.Updated.class, change -> change.snapshot().image().isPresent());

            assertEquals(report.file(), saved.snapshot().image().orElseThrow().file());
            assertEquals(report.bytes(), saved.snapshot().image().orElseThrow().bytes());
            assertFalse(saved.snapshot().saving());
            assertEquals(saved.snapshot(), launched.session().snapshot(report.snapshot()).orElseThrow());
        }
    }

    @Test
    void buildsASecondImageOnTheFirst() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            ImageFile first = ImageFile.read(save(launched, "").file());
            SaveReport report = save(launched, "");
            ImageFile second = ImageFile.read(report.file());

            assertEquals(Optional.of(first.file()), report.parent());
            assertEquals(first.id(), second.facts().ancestors().get(0).id());
            assertTrue(second.memory().referred() > second.memory().stored());
            assertEquals(List.of(), ImageComparison.of(first.facts(), first.facts()));
        }
    }

    @Test
    void deletesTheImageWithItsSnapshot() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            SaveReport kept = save(launched, "kept");
            SaveReport gone = save(launched, "gone");

            new DeleteSnapshotsOperation(launched.session(), List.of(kept.snapshot())).execute(null);
            new DeleteSnapshotsOperation(launched.session(), List.of(gone.snapshot()))
                    .withImages()
                    .execute(null);

            assertTrue(Files.exists(kept.file()));
            assertFalse(Files.exists(gone.file()));
        }
    }

    /** Some hundred MiB that cannot be packed, so that there is something to cancel. */
    private static final List<String> LARGE = List.of(
            "/usr/bin/perl",
            "-e",
            "$| = 1; open F, '<', '/dev/urandom'; read F, $x, 1 << 20; $y .= $x . rand for 1..300; print qq(1\\n);"
                    + " while (1) { print ++$i, qq(\\n); select undef, undef, undef, 0.02 }");

    @Test
    void leavesNothingOfACancelledFileAndTheProgramGoesOn() throws Exception {
        try (LaunchedSession launched = new LaunchedSession(LARGE)) {
            launched.count();
            Snapshot taken = new TakeSnapshotOperation(launched.session(), "").execute(null);
            NullProgressMonitor monitor = new NullProgressMonitor();
            launched.session().addListener((session, change) -> {
                if (change instanceof SessionChange.Saving) {
                    monitor.setCanceled(true);
                }
            });
            SaveSnapshotOperation save =
                    new SaveSnapshotOperation(launched.session(), taken.id(), folder, SaveOptions.DEFAULT);

            assertThrows(OperationCanceledException.class, () -> save.execute(monitor));

            assertEquals(0, folder.toFile().list().length, "files in the folder");
            assertTrue(launched.session().snapshot(taken.id()).orElseThrow().image().isEmpty());
            launched.countTo(launched.count() + 5);
        }
    }

    @Test
    void saysWhyAFileCannotBeWritten() throws Exception {
        try (LaunchedSession launched = new LaunchedSession()) {
            Snapshot taken = new TakeSnapshotOperation(launched.session(), "").execute(null);
            Path nowhere = folder.resolve("missing").resolve("a.snapback");

            CoreException failure = assertThrows(
                    CoreException.class,
                    () -> new SaveSnapshotOperation(launched.session(), taken.id(), nowhere, SaveOptions.DEFAULT)
                            .execute(null));

            assertTrue(failure.getStatus().getMessage().contains(nowhere.getParent().toString()), failure.toString());
            assertTrue(launched.session().snapshot(taken.id()).orElseThrow().image().isEmpty());
        }
    }

    @Test
    void remembersImagesOverARestartOfTheWorkbench() throws Exception {
        Path state = folder.resolve("state").resolve("images");
        try (LaunchedSession launched = new LaunchedSession()) {
            Path file = save(launched, "remembered").file();
            Path damaged = Files.writeString(folder.resolve("damaged.snapback"), "no image");
            KnownImages images = new KnownImages(state);
            images.add(file);
            images.add(damaged);
            images.add(folder.resolve("gone.snapback"));

            KnownImages later = new KnownImages(state);

            await(later, 2);
            KnownImage known = later.find(file).orElseThrow();
            assertEquals("remembered", known.label());
            assertEquals(launched.session().name(), known.session());
            assertEquals(Files.size(file), known.bytes());
            assertTrue(later.find(damaged).orElseThrow().problem().orElseThrow().endsWith("is no image of Snapback."));
            later.delete(file);
            assertFalse(Files.exists(file));
            assertTrue(new KnownImages(state).find(file).isEmpty());
        }
    }

    private static void await(KnownImages images, int count) throws InterruptedException {
        BlockingQueue<Boolean> changes = new LinkedBlockingQueue<>();
        images.addListener(() -> changes.add(true));
        while (images.all().size() < count) {
            assertTrue(Boolean.TRUE.equals(changes.poll(20, TimeUnit.SECONDS)), () -> "only " + images.all());
        }
    }
}
