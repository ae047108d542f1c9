// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.eclipse.core.runtime.CoreException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.Failure;
import org.snapback.core.program.NativeProgram;
import org.snapback.core.program.Preflight;
import org.snapback.core.program.SessionSockets;

/** Finding the native program, asking it whether this machine will do, and naming sockets. */
class NativeProgramTest {

    @TempDir
    Path folder;

    @Test
    void findsTheProgramThatThePropertyNames() throws Exception {
        assertEquals(Path.of(System.getProperty(NativeProgram.PROPERTY)), NativeProgram.locate());
    }

    @Test
    void unpacksTheProgramThatIsShipped() throws Exception {
        String before = System.clearProperty(NativeProgram.PROPERTY);
        try {
            Path shipped = NativeProgram.locate();
            assertTrue(Files.isExecutable(shipped), shipped.toString());
            assertEquals(-1, Files.mismatch(shipped, Path.of(before)));
            Preflight.check(shipped);
        } finally {
            System.setProperty(NativeProgram.PROPERTY, before);
        }
    }

    @Test
    void saysThatANamedProgramIsNotThere() {
        String before = System.setProperty(NativeProgram.PROPERTY, "/no/such/snapback");
        try {
            CoreException missing = assertThrows(CoreException.class, NativeProgram::locate);
            assertEquals(
                    Failure.NO_NATIVE_PROGRAM, Failure.of(missing.getStatus()).orElseThrow());
            assertTrue(missing.getMessage().contains("/no/such/snapback"), missing.getMessage());
            assertTrue(missing.getMessage().contains(NativeProgram.PROPERTY), missing.getMessage());
        } finally {
            System.setProperty(NativeProgram.PROPERTY, before);
        }
    }

    @Test
    void findsThisMachineFit() throws Exception {
        Preflight.check(NativeProgram.locate());
    }

    @Test
    void passesOnTheSentenceOfAProgramThatFindsTheMachineUnfit() throws Exception {
        Path unfit = script("echo table; echo 'snapback: sessions cannot be made here' >&2; exit 2");
        CoreException refusal = assertThrows(CoreException.class, () -> Preflight.check(unfit));
        assertEquals(
                Failure.UNSUPPORTED_KERNEL, Failure.of(refusal.getStatus()).orElseThrow());
        assertEquals("Sessions cannot be made here.", refusal.getStatus().getMessage());
        Files.writeString(unfit, "#!/bin/sh\nexit 0\n");
        Preflight.check(unfit);
    }

    @Test
    void findsTheNativeErrorInTheOutput() {
        assertEquals(
                Optional.of("No such program."), Preflight.firstError("hello\r\nsnapback: no such program\r\nbye\r\n"));
        assertEquals(Optional.empty(), Preflight.firstError("hello\n"));
    }

    @Test
    void givesEverySessionASocketOfItsOwn() throws Exception {
        Path first = SessionSockets.free("naming test");
        Path second = SessionSockets.free("naming test");
        assertNotEquals(first, second);
        assertTrue(SessionSockets.nameOf(first).startsWith("naming-test-"), first.toString());
        assertEquals(SessionSockets.folder(), first.getParent());
        assertEquals(
                "rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(first.getParent())));
    }

    @Test
    void makesAFileNameOfWhateverTheUserCallsIt() throws Exception {
        for (String base : new String[] {"../../etc/passwd", "", "...", "-rf", "ä/ö\n", "x".repeat(500)}) {
            Path socket = SessionSockets.free(base);
            assertEquals(SessionSockets.folder(), socket.getParent(), base);
            assertFalse(socket.getFileName().toString().startsWith("."), base);
            assertFalse(socket.getFileName().toString().startsWith("-"), base);
            assertTrue(socket.getFileName().toString().length() < 60, base);
        }
    }

    private Path script(String text) throws IOException {
        Path script = folder.resolve("snapback");
        Files.writeString(script, "#!/bin/sh\n" + text + "\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        return script;
    }
}
