// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.snapback.api.Snapback;
import org.snapback.core.SessionChange;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.RewindOperation;

/** A Java program that takes its own snapshots through the bundle org.snapback.api and libsnapback. */
@Timeout(60)
class OwnSnapshotsTest {

    /** Where the class comes from: a jar, or the folder of a bundle that is being built. */
    private static String place(Class<?> type) throws Exception {
        Path found = Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
        Path classes = found.resolve("target/classes");
        return (Files.isDirectory(classes) ? classes : found).toString();
    }

    private static List<String> program() throws Exception {
        String folder = System.getProperty("snapback.lib");
        assertNotNull(folder, "the property snapback.lib names the folder of libsnapback");
        Class<?> jna = Class.forName("com.sun.jna.Native", false, Snapback.class.getClassLoader());
        String path = String.join(
                File.pathSeparator, place(OwnSnapshotsProgram.class), place(Snapback.class), place(jna));
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Djna.library.path=" + folder,
                "-cp",
                path,
                OwnSnapshotsProgram.class.getName());
    }

    /** The snapshot that was taken before we asked, or is about to be heard of. */
    private static Snapshot only(LaunchedSession launched) throws InterruptedException {
        List<Snapshot> known = launched.session().snapshots();
        return known.isEmpty()
                ? launched.next(SessionChange.Taken.class).snapshot()
                : known.get(0);
    }

    @Test
    void isToldWhatItHasComeBackTo() throws Exception {
        try (LaunchedSession launched = new LaunchedSession(program())) {
            assertEquals(100, launched.count(), "under control");
            assertEquals(200, launched.count(), "went on");
            assertEquals(301, launched.count(), "disabled once");
            assertEquals(422, launched.count(), "EINVAL");
            Snapshot taken = only(launched);
            assertEquals("from within", taken.name());

            new RewindOperation(launched.session(), taken.id(), false).execute(null);

            assertEquals(201, launched.count(), "after rewind");
            assertEquals(301, launched.count(), "disabled once");
        }
    }
}
