// SPDX-License-Identifier: EPL-2.0
package org.snapback.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The arrows of ARCHITECTURE.md on the Java side: core ← debug ← ui, and what each may know of Eclipse. */
class ArrowsTest {

    private static final String[] USER_INTERFACE = {
        "org.eclipse.ui..", "org.eclipse.swt..", "org.eclipse.jface..", "org.eclipse.debug.ui..", "org.eclipse.e4.ui.."
    };

    private static JavaClasses classes;

    @BeforeAll
    static void readTheBundles() throws Exception {
        Path bundles = Path.of(System.getProperty("snapback.bundles"));
        try (Stream<Path> folders = Files.list(bundles)) {
            List<Path> compiled = folders.map(bundle -> bundle.resolve("target/classes"))
                    .filter(Files::isDirectory)
                    .toList();
            classes = new ClassFileImporter().importPaths(compiled);
        }
        assertTrue(classes.contain("org.snapback.core.Session"), "core is compiled");
        assertTrue(classes.contain("org.snapback.debug.DebugSessions"), "debug is compiled");
        assertTrue(classes.contain("org.snapback.api.Snapback"), "api is compiled");
    }

    @Test
    void coreKnowsNeitherLaunchesNorTheUserInterface() {
        noClasses()
                .that()
                .resideInAPackage("org.snapback.core..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.snapback.debug..", "org.snapback.ui..", "org.eclipse.debug..")
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(USER_INTERFACE)
                .check(classes);
    }

    @Test
    void debugIsHeadless() {
        noClasses()
                .that()
                .resideInAPackage("org.snapback.debug..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.snapback.ui..")
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage(USER_INTERFACE)
                .check(classes);
    }

    @Test
    void nobodyNeedsCdt() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.eclipse.cdt..")
                .check(classes);
    }

    @Test
    void theWireStaysInsideCore() {
        noClasses()
                .that()
                .resideInAnyPackage("org.snapback.debug..", "org.snapback.ui..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.snapback.core.protocol..", "org.snapback.core.image.schema..", "com.google.protobuf..")
                .check(classes);
    }

    @Test
    void theApiForProgramsKnowsNothingOfEclipse() {
        noClasses()
                .that()
                .resideInAPackage("org.snapback.api..")
                .should()
                .dependOnClassesThat(resideInAPackage("org.eclipse..")
                        .and(not(resideInAPackage("org.eclipse.jdt.annotation.."))))
                .orShould()
                .dependOnClassesThat()
                .resideInAnyPackage("org.snapback.core..", "org.snapback.debug..", "org.snapback.ui..")
                .check(classes);
    }

    @Test
    void nativeFunctionsAreCalledInTwoPlaces() {
        noClasses()
                .that()
                .resideOutsideOfPackages("org.snapback.core.terminal..", "org.snapback.api..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("com.sun.jna..")
                .check(classes);
    }
}
