// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.Platform;
import org.eclipse.core.runtime.content.IContentType;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchManager;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Failure;
import org.snapback.core.SaveOptions;
import org.snapback.core.SessionKind;
import org.snapback.core.SessionState;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.RewindOperation;
import org.snapback.core.operations.SaveSnapshotOperation;
import org.snapback.core.operations.TakeSnapshotOperation;
import org.snapback.debug.DebugPreferences;
import org.snapback.debug.ImageLaunches;
import org.snapback.debug.LaunchAttributes;

/** <em>Snapback Image</em>: real images of real programs, restarted after their sessions have ended. */
@ExtendWith(NoLoggedErrors.class)
@Timeout(120)
class ImageLaunchTest {

    @TempDir
    static Path folder;

    private static Path ticker;

    @BeforeAll
    static void build() throws Exception {
        ticker = Ticker.build(folder);
    }

    private static Path save(Launched launched, String name) throws CoreException {
        Snapshot taken = new TakeSnapshotOperation(launched.session(), name).execute(null);
        Path file = folder.resolve(name + ".snapback");
        return new SaveSnapshotOperation(launched.session(), taken.id(), file, SaveOptions.DEFAULT)
                .execute(null)
                .file();
    }

    private static Launched restart(Path image, String mode) throws CoreException {
        return new Launched(
                LaunchAttributes.IMAGE_TYPE,
                mode,
                configuration -> configuration.setAttribute(LaunchAttributes.IMAGE, image.toString()));
    }

    /** Stops after so many ticks, saves, and ends the session. */
    private static Path imageAfter(int ticks, String name) throws Exception {
        try (Launched launched = new Launched(
                LaunchAttributes.GDB_TYPE, ILaunchManager.DEBUG_MODE, configuration -> {
                    configuration.setAttribute(LaunchAttributes.PROGRAM, ticker.toString());
                    configuration.setAttribute(LaunchAttributes.GDB_COMMANDS, "break tick\nrun\ncontinue " + ticks);
                })) {
            launched.awaitOutput(0, "Will ignore next");
            launched.awaitState(SessionState.STOPPED);
            int at = launched.awaitOutput(0, "(gdb) ");
            launched.type("print ticks\n");
            launched.awaitOutput(at, "= " + ticks + "\n");
            return save(launched, name);
        }
    }

    @Test
    void debugsTheProgramOfAnImageWhereItWas() throws Exception {
        Path image = imageAfter(7, "debugged");
        try (Launched launched = restart(image, ILaunchManager.DEBUG_MODE)) {
            launched.awaitState(SessionState.STOPPED);
            assertEquals(SessionKind.DEBUGGER, launched.session().kind());
            int at = launched.awaitOutput(0, "(gdb) ");
            launched.type("print ticks\n");
            at = launched.awaitOutput(at, "= 7\n");
            launched.type("break tick\n");
            at = launched.awaitOutput(at, "ticker.c");
            launched.type("continue\n");
            at = launched.awaitOutput(at, "Breakpoint 1, tick ()");
            launched.type("print ticks\n");
            at = launched.awaitOutput(at, "= 8\n");

            Snapshot again = new TakeSnapshotOperation(launched.session(), "").execute(null);
            launched.type("continue 3\n");
            at = launched.awaitOutput(at, "Breakpoint 1, tick ()");
            new RewindOperation(launched.session(), again.id()).execute(null);
            launched.awaitState(SessionState.STOPPED);
            launched.type("print ticks\n");
            launched.awaitOutput(at, "= 8\n");
        }
    }

    @Test
    void letsTheProgramOfAnImageGoOn() throws Exception {
        Path image;
        try (Launched launched = new Launched(
                LaunchAttributes.PROGRAM_TYPE, ILaunchManager.RUN_MODE, configuration -> {
                    configuration.setAttribute(LaunchAttributes.PROGRAM, "/usr/bin/perl");
                    configuration.setAttribute(
                            LaunchAttributes.ARGUMENTS,
                            "-e '$| = 1; while (1) { print ++$i, qq(\\n); select undef, undef, undef, 0.02 }'");
                })) {
            launched.awaitOutput(0, "\n50\n");
            image = save(launched, "run");
        }
        try (Launched launched = restart(image, ILaunchManager.RUN_MODE)) {
            assertEquals(SessionKind.PROGRAM, launched.session().kind());
            launched.awaitOutput(0, "00\n");
            int first = Integer.parseInt(launched.output().lines().findFirst().orElseThrow().trim());
            assertTrue(first > 50, "it goes on, with " + first);
        }
    }

    @Test
    void needsNoHomeThatIsThere() throws Exception {
        Path image = imageAfter(2, "homeless");
        String home = System.setProperty("user.home", folder.resolve("gone").toString());
        try (Launched launched = restart(image, ILaunchManager.DEBUG_MODE)) {
            launched.awaitState(SessionState.STOPPED);
        } finally {
            System.setProperty("user.home", home);
        }
    }

    @Test
    void saysWhatIsWrongWithAFile() throws Exception {
        Path file = Files.writeString(folder.resolve("text.snapback"), "hello");

        CoreException failure =
                assertThrows(CoreException.class, () -> restart(file, ILaunchManager.DEBUG_MODE));

        assertTrue(Failure.IMAGE.isToldBy(failure.getStatus()), failure.toString());
        assertEquals(
                "The image cannot be used: " + file + " is no image of Snapback.", failure.getStatus().getMessage());
    }

    @Test
    void keepsOneConfigurationForEachImage() throws Exception {
        ILaunchConfiguration first = ImageLaunches.configuration(folder.resolve("a.snapback"));
        try {
            assertEquals("a", first.getName());
            assertEquals(first, ImageLaunches.configuration(folder.resolve("a.snapback")));
        } finally {
            first.delete();
        }
    }

    @Test
    void knowsImagesByTheirFirstBytes() throws Exception {
        Path image = imageAfter(2, "typed");
        IContentType ours = Platform.getContentTypeManager().getContentType("org.snapback.debug.image");
        try (var bytes = Files.newInputStream(image)) {
            assertEquals(ours, Platform.getContentTypeManager().findContentTypeFor(bytes, "typed.snapback"));
        }
    }

    @Test
    void hasAFolderForImagesInTheWorkspace() throws Exception {
        assertTrue(Files.isDirectory(DebugPreferences.imageFolder()));
    }
}
